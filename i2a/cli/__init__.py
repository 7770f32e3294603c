"""Commands of the core. Each package brings its own through the entry-point group `i2a.commands`."""
