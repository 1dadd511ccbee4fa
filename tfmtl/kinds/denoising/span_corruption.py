"""Texts with gaps (T5, Raffel et al. 2020, section 3.1.4): spans of pieces are taken out, to be written anew.

    start the cat sleeps in the garden end   becomes   start the GAP in the GAP end
    and what a decoder is to write is        start GAP cat sleeps GAP garden end

Differences from the paper: one mark stands for every gap, and the order of the gaps tells them apart, so that the
vocabulary needs no further pieces; the text keeps its start and its end mark, the answer has the marks of a summary.
As in the official code, the number of gaps and of pieces in them follows from the text's length alone, a text begins
with a piece that is kept, and its last piece is taken out.
"""

import tensorflow as tf

from tfmtl.data.special_tokens import END_ID, GAP_ID, PAD_ID, SPECIAL_IDS, START_ID


def corrupt(tokens: tf.Tensor, seed: tf.Tensor, density: float, mean_span: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes spans out of packed texts; the same seed takes out the same ones.

    Args:
        tokens: `start text end`, padded, int32 `[rows, length]`.
        seed: integers `[2]`.
        density: the share of each text's pieces that is taken out; at least one piece, and never all.
        mean_span: pieces of a gap, on average.

    Returns:
        The texts with gaps, int32 `[rows, length]`, and what stood in them, int32 `[rows, answer_length(length)]`. A
        text of fewer than two pieces has no gap: its answer is a row of padding.
    """
    rows, length = tf.shape(tokens)[0], tf.shape(tokens)[1]
    is_missing, opens = _gaps(tokens, seed, density, mean_span)
    # A gap is the mark in the place of its first piece; the other pieces of it are gone.
    texts = moved_together(tf.where(opens, GAP_ID, tokens), ~is_missing | opens, length)
    # The mark of a gap stands before its first piece in the answer: of each place come two ids, or one, or none.
    ids = tf.reshape(tf.stack([tf.fill([rows, length], GAP_ID), tokens], axis=-1), [rows, -1])
    is_written = tf.reshape(tf.stack([opens, is_missing], axis=-1), [rows, -1])
    has_gap = tf.reduce_any(opens, axis=1, keepdims=True)
    ids = tf.concat([tf.fill([rows, 1], START_ID), ids, tf.fill([rows, 1], END_ID)], axis=1)
    is_written = tf.concat([has_gap, is_written, has_gap], axis=1)
    return texts, moved_together(ids, is_written, answer_length(length, density, mean_span))


def answer_length(length: tf.Tensor | int, density: float, mean_span: float) -> tf.Tensor:
    """Returns the most ids, marks included, of the answer about a text of at most `length` ids, an int32 scalar."""
    missing, gaps = _counts(tf.maximum(length - 2, 2), density, mean_span)
    return missing + gaps + 2


def _counts(pieces: tf.Tensor, density: float, mean_span: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns how many of two or more pieces are taken out, and in how many gaps, int32 in the shape of `pieces`."""
    missing = missing_pieces(pieces, density)
    gaps = tf.maximum(_rounded(tf.cast(missing, tf.float64) / mean_span), 1)
    return missing, tf.minimum(gaps, pieces - missing)


def missing_pieces(pieces: tf.Tensor, density: float) -> tf.Tensor:
    """Returns how many of two or more pieces are taken out: at least one, and never all; int32 as `pieces`."""
    return tf.clip_by_value(_rounded(tf.cast(pieces, tf.float64) * density), 1, pieces - 1)


def _rounded(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round(values), tf.int32)


def _gaps(tokens: tf.Tensor, seed: tf.Tensor, density: float, mean_span: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns which places are taken out, and which of these open a gap, bool `[rows, length]`."""
    is_piece = tokens >= SPECIAL_IDS
    pieces = tf.reduce_sum(tf.cast(is_piece, tf.int32), axis=1)
    missing, gaps = _counts(tf.maximum(pieces, 2), density, mean_span)
    seeds = tf.random.experimental.stateless_split(seed, 2)
    room = tf.shape(tokens)[1]
    kept_lengths = _segments(pieces - missing, gaps, room, seeds[0])
    lengths = tf.stack([kept_lengths, _segments(missing, gaps, room, seeds[1])], axis=-1)
    ends = tf.cumsum(tf.reshape(lengths, [-1, 2 * room]), axis=1)
    # Segments are kept and taken out by turns.
    place = tf.cumsum(tf.cast(is_piece, tf.int32), axis=1) - 1
    is_odd = tf.searchsorted(ends, place, side="right") % 2 == 1
    is_missing = is_piece & is_odd & (pieces >= 2)[:, None]
    follows = tf.concat([tf.zeros_like(is_missing[:, :1]), is_missing[:, :-1]], axis=1)
    return is_missing, is_missing & ~follows


def _segments(total: tf.Tensor, count: tf.Tensor, room: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Splits `total` into `count` whole numbers above zero, each way as likely: int32 `[rows, room]`, zeros behind.

    Args:
        total: int32 `[rows]`.
        count: at most `total`, int32 `[rows]`.
        room: no row has more numbers.
        seed: of the random order.
    """
    places = tf.range(room)[None, :]
    # A number ends behind the places, but the last, with the smallest of random keys.
    keys = tf.random.stateless_uniform([tf.size(total), room], seed)
    keys = tf.where(places < total[:, None] - 1, keys, 2.0)
    ranks = tf.argsort(tf.argsort(keys, axis=1), axis=1)
    number = tf.cumsum(tf.cast(ranks < count[:, None] - 1, tf.int32), axis=1, exclusive=True)
    flat = number + tf.range(tf.size(total))[:, None] * room
    items = tf.cast(places < total[:, None], tf.int32)
    return tf.reshape(tf.math.unsorted_segment_sum(items, flat, tf.size(total) * room), [-1, room])


def moved_together(ids: tf.Tensor, kept: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Returns the ids that are kept, one after the other, int32 `[rows, length]`, padding behind."""
    ragged = tf.ragged.boolean_mask(ids, kept)
    return ragged.to_tensor(PAD_ID, shape=tf.stack([-1, length]))
