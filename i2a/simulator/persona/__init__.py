"""A persona as the simulator reads it: facts, traits, style. No role is known here.

`facts` and `evidence` are also a library for the audit of any user: which facts of a profile its messages reveal.
"""
