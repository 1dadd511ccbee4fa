"""Rows, tokens and plans in files, which are mapped into memory instead of being held there."""
