"""Answers to rows, from a run, an export or a server."""
