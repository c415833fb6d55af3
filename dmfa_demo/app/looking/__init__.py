"""Ways to look at the results: with the truth covered, and closely."""
