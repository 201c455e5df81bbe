"""A run of a notebook: its directory, its record, its report, how it ended."""
