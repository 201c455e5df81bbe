"""The three workflows that the notebooks call."""
