"""What happens when a visitor does something."""
