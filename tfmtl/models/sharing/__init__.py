"""Sharing schemes: which parameters tasks share."""
