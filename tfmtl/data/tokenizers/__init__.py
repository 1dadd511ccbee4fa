"""Tokenizers: text to pieces and back, in graph."""
