"""The chapters of the Learn tab, and explanations."""
