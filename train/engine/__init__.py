"""Code shared by all training runs."""
