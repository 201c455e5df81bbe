"""From AWS's answers to tables: what was read, in as few calls as may be, and what could not be."""
