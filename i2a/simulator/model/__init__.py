"""A small base model from scratch: it can follow a dialogue and recall what was said, and adapts to nobody."""
