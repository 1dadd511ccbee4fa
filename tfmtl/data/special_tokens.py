"""The ids of the marks: the same in every tokenizer, so that data, model and generation agree on them."""

PAD_ID = 0
UNKNOWN_ID = 1
GAP_ID = UNKNOWN_ID
"""Of what a denoising task has taken out. No text holds it: characters without a piece of their own become bytes, or
a preset's unknown piece, which is no mark."""
START_ID = 2
END_ID = 3
SPECIAL_IDS = 4
"""Ids below this one are marks, not pieces of a text."""
