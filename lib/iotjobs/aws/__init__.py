"""All that asks AWS: the connection, and from its answers to tables."""
