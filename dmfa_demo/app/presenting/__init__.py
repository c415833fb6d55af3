"""Teach in front of an audience: a mode for the projector, notes, and rooms whose phones follow."""
