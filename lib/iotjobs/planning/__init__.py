"""What is to be deleted, on what conditions, and who says no. Pure."""
