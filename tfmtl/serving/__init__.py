"""Exports of runs, predictions, and a server."""
