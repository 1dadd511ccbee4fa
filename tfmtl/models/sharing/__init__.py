"""Sharing schemes, which decide which parameters tasks share."""
