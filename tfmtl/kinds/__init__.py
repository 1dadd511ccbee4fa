"""Task kinds, one folder each, and their common interface."""
