"""How many trees are grown: folder, journal, runner, live view."""
