"""From tables to causes, and from causes to what to do. Pure."""
