"""Models: one string names one, one wrapper stands in front of every one."""
