"""What to learn."""
