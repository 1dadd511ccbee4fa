"""Predefined tasks with their sources, one file per dataset."""
