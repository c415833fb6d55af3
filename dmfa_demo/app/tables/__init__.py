"""The page Tables: cells of a table are erased, and models fill them in."""
