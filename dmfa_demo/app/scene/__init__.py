"""What is on the canvas, and the imputations of it that are kept."""
