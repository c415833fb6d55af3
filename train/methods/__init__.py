"""One training story per file."""
