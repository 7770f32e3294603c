"""Models: every model is named by a string and called through one wrapper."""
