"""The scene on the canvas, and the cache of its imputations."""
