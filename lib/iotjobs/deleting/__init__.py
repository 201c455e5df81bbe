"""From a plan to what became of it: choose, look again, act, verify; and back again."""
