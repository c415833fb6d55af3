"""Handlers of the page's events."""
