"""Tokenizers, which turn text into tokens and back, in graph."""
