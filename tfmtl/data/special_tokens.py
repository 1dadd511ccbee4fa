"""The ids of the marks, the special tokens; every tokenizer has the same, so data, model and generation agree."""

PAD_ID = 0
UNKNOWN_ID = 1
GAP_ID = UNKNOWN_ID
"""The mark of what a denoising task has removed.

No text contains it: a character without a token of its own becomes bytes, or the unknown token of a preset, which is
not a mark.
"""
START_ID = 2
END_ID = 3
SPECIAL_IDS = 4
"""The number of marks; ids below it are marks, all others are tokens of a text."""
