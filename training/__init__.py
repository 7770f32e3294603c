"""i2a: what is done with trees, first half: SFT and DPO data, and models trained on it. Knows nothing of evaluation."""
