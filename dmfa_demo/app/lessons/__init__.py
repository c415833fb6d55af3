"""The chapters of Learn, and explanations."""
