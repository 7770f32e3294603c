"""What the simulator says in each role."""
