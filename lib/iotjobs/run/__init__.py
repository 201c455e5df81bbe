"""One run of a notebook: its directory, journal, runner and report."""
