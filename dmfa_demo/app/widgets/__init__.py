"""Small building blocks of the page."""
