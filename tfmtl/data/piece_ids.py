"""The ids of the marks: the same in every tokenizer, so that data, model and generation agree on them."""

PAD_ID = 0
UNKNOWN_ID = 1
START_ID = 2
END_ID = 3
SPECIAL_IDS = 4
"""Ids below this one are marks, not pieces of a text."""
