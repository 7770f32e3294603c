"""A persona as the simulator reads it: facts, traits, style."""
