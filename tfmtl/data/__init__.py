"""Reads texts from sources and turns them into batches."""
