"""Hides single tokens of texts (BERT, Devlin et al. 2019, section 3.1).

    start the cat sleeps in the garden end   becomes   start the cat GAP in the garden end
    and what is to be guessed is             start sleeps

It differs from the paper in that every chosen token is replaced by the mark of a gap, and none by a random token or by
itself, so that the marks show the places. Marks do not count as tokens here.
"""

import tensorflow as tf

from tfmtl.data.special_tokens import GAP_ID, SPECIAL_IDS, START_ID
from tfmtl.kinds.denoising.span_corruption import missing_pieces, moved_together


def mask(tokens: tf.Tensor, seed: tf.Tensor, density: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Hides tokens of packed texts with equal probability; the same seed hides the same tokens.

    Args:
        tokens: the texts as `start text end`, padded, int32 `[rows, length]`.
        seed: the seed of the choice, integers `[2]`.
        density: the share of each text's tokens that is hidden; at least one token is hidden, and never all.

    Returns:
        The texts with gaps, int32 `[rows, length]`, and the hidden tokens after a start mark, int32
        `[rows, answer_length(length)]`; all padding for a text of fewer than two tokens.
    """
    is_piece = tokens >= SPECIAL_IDS
    pieces = tf.reduce_sum(tf.cast(is_piece, tf.int32), axis=1)
    hidden = tf.where(pieces < 2, 0, missing_pieces(tf.maximum(pieces, 2), density))
    keys = tf.where(is_piece, tf.random.stateless_uniform(tf.shape(tokens), seed), 2.0)
    ranks = tf.argsort(tf.argsort(keys, axis=1), axis=1)
    is_hidden = ranks < hidden[:, None]
    rows = tf.shape(tokens)[0]
    ids = tf.concat([tf.fill([rows, 1], START_ID), tokens], axis=1)
    kept = tf.concat([hidden[:, None] > 0, is_hidden], axis=1)
    return tf.where(is_hidden, GAP_ID, tokens), moved_together(ids, kept, answer_length(tf.shape(tokens)[1], density))


def answer_length(length: tf.Tensor | int, density: float) -> tf.Tensor:
    """Returns the maximum number of ids in the answer for a text of at most `length` ids, an int32 scalar."""
    return missing_pieces(tf.maximum(length - 2, 2), density) + 1
