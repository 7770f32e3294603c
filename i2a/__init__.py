"""The core: personas, trees, models, journal, runner, live view and the `i2a` command."""
