"""From pieces to the rows that the model reads: marks, and cuts where a row is too long."""

import tensorflow as tf

from tfmtl.data.piece_ids import END_ID, START_ID


def pack_text(pieces: tf.RaggedTensor, max_length: int) -> tf.RaggedTensor:
    """Returns `start text end`, int32 `[batch, None]`, of at most `max_length` ids; a long text loses its end."""
    return _marked(pieces[:, : max_length - 2])


def pack_pair(first: tf.RaggedTensor, second: tf.RaggedTensor, max_length: int) -> tf.RaggedTensor:
    """Returns `start first end second end`, int32 `[batch, None]`, of at most `max_length` ids.

    What is too long loses its end, the longer text first: neither is cut below half of the room while the other is not.
    """
    room = max_length - 3
    first_length, second_length = first.row_lengths(), second.row_lengths()
    half = tf.constant(room // 2, first_length.dtype)
    kept_second = tf.minimum(second_length, tf.maximum(room - first_length, room - half))
    kept_first = tf.minimum(first_length, room - kept_second)
    return tf.concat([_marked(_cut(first, kept_first)), _ended(_cut(second, kept_second))], axis=1)


def pack_summary(pieces: tf.RaggedTensor, max_length: int) -> tf.RaggedTensor:
    """Returns `start summary end`, int32 `[batch, None]`; the decoder reads, and writes, at most `max_length`."""
    return _marked(pieces[:, : max_length - 1])


def _cut(pieces: tf.RaggedTensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    places = tf.ragged.range(pieces.row_lengths())
    return tf.ragged.boolean_mask(pieces, places < tf.expand_dims(lengths, 1))


def _ended(pieces: tf.RaggedTensor) -> tf.RaggedTensor:
    return tf.concat([pieces, tf.fill([pieces.nrows(), 1], END_ID)], axis=1)


def _marked(pieces: tf.RaggedTensor) -> tf.RaggedTensor:
    return tf.concat([tf.fill([pieces.nrows(), 1], START_ID), _ended(pieces)], axis=1)
