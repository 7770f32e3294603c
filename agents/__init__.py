"""The roles as AutoGen agents, their prompts, and the offline engine that can play them all."""
