"""The mask and the segments of a row of token ids: where it is padding, and which text of a pair a token is in.

A row is `start text end` or `start text end text_pair end`, then padding; the ids are the tokenizer's. Deriving mask
and segments from the ids keeps the model's input to one tensor per slice.
"""

from keras import KerasTensor, ops

from tfmtl.data.special_tokens import END_ID, PAD_ID

MASKED_SCORE = -1e9
"""Added to an attention score that must not count: finite, so that a row of padding alone gives no NaN."""


def token_mask(tokens: KerasTensor) -> KerasTensor:
    """Returns bool `[batch, length]`: true where there is no padding."""
    return ops.not_equal(tokens, PAD_ID)


def segment_ids(tokens: KerasTensor) -> KerasTensor:
    """Returns int32 `[batch, length]`: 0 in the first text and its marks, 1 in the second."""
    ends = ops.cast(ops.equal(tokens, END_ID), "int32")
    return ops.minimum(ops.cumsum(ends, axis=1) - ends, 1)


def score_bias(mask: KerasTensor) -> KerasTensor:
    """Returns float32 like `mask`: 0 where it is true, `MASKED_SCORE` elsewhere."""
    return ops.where(mask, 0.0, MASKED_SCORE)
