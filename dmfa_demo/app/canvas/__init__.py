"""The canvas and what can be put on it."""
