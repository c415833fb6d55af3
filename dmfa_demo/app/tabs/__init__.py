"""One file per tab or part of a tab."""
