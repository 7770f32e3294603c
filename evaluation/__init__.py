"""i2a: what is done with trees, second half: the ALOE benchmark and its statistics. Knows nothing of training."""
