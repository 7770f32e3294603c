"""The roles as AutoGen agents, with their prompts beside them."""
