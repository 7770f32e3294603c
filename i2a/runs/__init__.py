"""Running many conversations: settings, plan, runner, journal, folder, live view."""
