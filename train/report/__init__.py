"""Measuring, tables and pictures."""
