"""The canvas and its pictures and masks."""
