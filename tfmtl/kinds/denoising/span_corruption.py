"""Removes spans of tokens from texts, for a decoder to write (T5, Raffel et al. 2020, section 3.1.4).

    start the cat sleeps in the garden end   becomes   start the GAP in the GAP end
    and what a decoder is to write is        start GAP cat sleeps GAP garden end

It differs from the paper in that the same mark is used for every gap. The order of the gaps tells them apart, so that
the vocabulary needs no additional tokens. The text keeps its start and end marks, and the answer has the marks of a
summary. As in the official code, the numbers of gaps and of removed tokens depend only on the length of the text, the
first token of a text is kept, and its last token is removed. Marks do not count as tokens here.
"""

import tensorflow as tf

from tfmtl.data.special_tokens import END_ID, GAP_ID, PAD_ID, SPECIAL_IDS, START_ID


def corrupt(tokens: tf.Tensor, seed: tf.Tensor, density: float, mean_span: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Removes spans from packed texts; the same seed removes the same spans.

    Args:
        tokens: the texts as `start text end`, padded, int32 `[rows, length]`.
        seed: the seed of the gaps, integers `[2]`.
        density: the share of each text's tokens that is removed; at least one token is removed, and never all.
        mean_span: the mean number of tokens in a gap.

    Returns:
        The texts with gaps, int32 `[rows, length]`, and the content of the gaps, int32
        `[rows, answer_length(length)]`. A text of fewer than two tokens has no gap, and its answer is all padding.
    """
    rows, length = tf.shape(tokens)[0], tf.shape(tokens)[1]
    is_missing, opens = _gaps(tokens, seed, density, mean_span)
    # The first token of a gap is replaced by the mark; the other tokens of the gap are dropped.
    texts = moved_together(tf.where(opens, GAP_ID, tokens), ~is_missing | opens, length)
    # In the answer, the mark of a gap comes before its first token, so each place yields two ids, one or none.
    ids = tf.reshape(tf.stack([tf.fill([rows, length], GAP_ID), tokens], axis=-1), [rows, -1])
    is_written = tf.reshape(tf.stack([opens, is_missing], axis=-1), [rows, -1])
    has_gap = tf.reduce_any(opens, axis=1, keepdims=True)
    ids = tf.concat([tf.fill([rows, 1], START_ID), ids, tf.fill([rows, 1], END_ID)], axis=1)
    is_written = tf.concat([has_gap, is_written, has_gap], axis=1)
    return texts, moved_together(ids, is_written, answer_length(length, density, mean_span))


def answer_length(length: tf.Tensor | int, density: float, mean_span: float) -> tf.Tensor:
    """Returns the maximum number of ids, marks included, in the answer for `length` ids of text, an int32 scalar."""
    missing, gaps = _counts(tf.maximum(length - 2, 2), density, mean_span)
    return missing + gaps + 2


def _counts(pieces: tf.Tensor, density: float, mean_span: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the numbers of removed tokens and of gaps in texts of two or more tokens, int32 in the shape of `pieces`.

    Args:
        pieces: the number of tokens in each text, int32.
        density: the share of the tokens that is removed.
        mean_span: the mean number of tokens in a gap.
    """
    missing = missing_pieces(pieces, density)
    gaps = tf.maximum(_rounded(tf.cast(missing, tf.float64) / mean_span), 1)
    return missing, tf.minimum(gaps, pieces - missing)


def missing_pieces(pieces: tf.Tensor, density: float) -> tf.Tensor:
    """Returns the number of tokens to remove from texts of two or more tokens: at least one, and never all.

    Args:
        pieces: the number of tokens in each text, int32; the result has the same shape and dtype.
        density: the share of the tokens that is removed.
    """
    return tf.clip_by_value(_rounded(tf.cast(pieces, tf.float64) * density), 1, pieces - 1)


def _rounded(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round(values), tf.int32)


def _gaps(tokens: tf.Tensor, seed: tf.Tensor, density: float, mean_span: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns whether each place is removed, and whether it is the first of a gap, both bool `[rows, length]`."""
    is_piece = tokens >= SPECIAL_IDS
    pieces = tf.reduce_sum(tf.cast(is_piece, tf.int32), axis=1)
    missing, gaps = _counts(tf.maximum(pieces, 2), density, mean_span)
    seeds = tf.random.experimental.stateless_split(seed, 2)
    room = tf.shape(tokens)[1]
    kept_lengths = _segments(pieces - missing, gaps, room, seeds[0])
    lengths = tf.stack([kept_lengths, _segments(missing, gaps, room, seeds[1])], axis=-1)
    ends = tf.cumsum(tf.reshape(lengths, [-1, 2 * room]), axis=1)
    # Segments are kept and removed in turn.
    place = tf.cumsum(tf.cast(is_piece, tf.int32), axis=1) - 1
    is_odd = tf.searchsorted(ends, place, side="right") % 2 == 1
    is_missing = is_piece & is_odd & (pieces >= 2)[:, None]
    follows = tf.concat([tf.zeros_like(is_missing[:, :1]), is_missing[:, :-1]], axis=1)
    return is_missing, is_missing & ~follows


def _segments(total: tf.Tensor, count: tf.Tensor, room: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Splits each total into positive integers; every split is equally likely.

    Args:
        total: the sum of the integers in each row, int32 `[rows]`.
        count: the number of integers in each row, at most `total`, int32 `[rows]`.
        room: the length of the result, which no row exceeds.
        seed: the seed of the random order.

    Returns:
        The integers of each row, followed by zeros, int32 `[rows, room]`.
    """
    places = tf.range(room)[None, :]
    # An integer ends after each of the places with the smallest random keys; the last place always ends one.
    keys = tf.random.stateless_uniform([tf.size(total), room], seed)
    keys = tf.where(places < total[:, None] - 1, keys, 2.0)
    ranks = tf.argsort(tf.argsort(keys, axis=1), axis=1)
    number = tf.cumsum(tf.cast(ranks < count[:, None] - 1, tf.int32), axis=1, exclusive=True)
    flat = number + tf.range(tf.size(total))[:, None] * room
    items = tf.cast(places < total[:, None], tf.int32)
    return tf.reshape(tf.math.unsorted_segment_sum(items, flat, tf.size(total) * room), [-1, room])


def moved_together(ids: tf.Tensor, kept: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Returns the ids that are kept, without gaps between them, followed by padding, int32 `[rows, length]`."""
    ragged = tf.ragged.boolean_mask(ids, kept)
    return ragged.to_tensor(PAD_ID, shape=tf.stack([-1, length]))
