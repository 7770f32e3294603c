"""i2a: what is done with trees, first half: training data, and models trained on it. Knows nothing of evaluation."""
