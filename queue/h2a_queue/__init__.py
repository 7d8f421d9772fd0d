"""The h2A queue."""
