"""The rows of the n-grams of a text in a table of weights."""

import numpy as np
from keras import KerasTensor, ops

from tfmtl.models.layers.tokens import token_mask

_MULTIPLIER = np.int32(-1640531535)


def ngram_ids(tokens: KerasTensor, order: int, buckets: int, vocabulary_size: int) -> tuple[KerasTensor, KerasTensor]:
    """Returns the table row of the n-grams that begin at each position, and whether they end within the text.

    Each token has a row of its own; longer n-grams are hashed into the rows after these (Weinberger et al. 2009) and
    share them.

    Args:
        tokens: ids of the texts, int32 `[batch, length]`.
        order: the maximum number of tokens in an n-gram.
        buckets: the number of table rows for n-grams of two or more tokens.
        vocabulary_size: the tokenizer's vocabulary size.

    Returns:
        int32 and bool `[batch, order * length]`: the n-grams of one token, then those of two, and so on.
    """
    ids, present = [tokens], [token_mask(tokens)]
    hashed = tokens
    for shift in range(1, order):
        following = ops.pad(tokens, [[0, 0], [0, shift]])[:, shift:]
        # 32-bit products wrap around: the hash of Knuth (1998, section 6.4) by 2^32 over the golden ratio.
        hashed = hashed * _MULTIPLIER + following
        ids.append(vocabulary_size + ops.mod(hashed, np.int32(buckets)))
        present.append(token_mask(following))
    return ops.concatenate(ids, axis=1), ops.concatenate(present, axis=1)


def table_rows(order: int, buckets: int, vocabulary_size: int) -> int:
    """Returns the number of rows of the table to which `ngram_ids` refers."""
    return vocabulary_size + (buckets if order > 1 else 0)
