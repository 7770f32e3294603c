"""Rows that share prefixes as one tree in one sequence. Knows token ids and models, not conversations or trainers."""
