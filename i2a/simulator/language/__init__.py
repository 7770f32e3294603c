"""English as far as the simulator needs it: words, clauses, grammar."""
