"""The offline engine: a seeded, rule-based stand-in for a language model, behind the same interface and prompts.

It is a simulator and says so: no key, no network, no GPU, and no claim that its numbers are those of an LLM.
"""
