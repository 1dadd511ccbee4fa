"""From pieces to the rows that the model reads: marks, and cuts where a row is too long."""

import tensorflow as tf

from tfmtl.data.special_tokens import END_ID, START_ID


def pack_text(pieces: tf.RaggedTensor, max_length: int) -> tf.RaggedTensor:
    """Returns `start text end`, int32 `[batch, None]`, of at most `max_length` ids; a long text loses its end."""
    return _joined(START_ID, _cut(pieces, max_length - 2), END_ID)


def pack_pair(first: tf.RaggedTensor, second: tf.RaggedTensor, max_length: int) -> tf.RaggedTensor:
    """Returns `start first end second end`, int32 `[batch, None]`, of at most `max_length` ids.

    What is too long loses its end, the longer text first: neither is cut below half of the room while the other is not.
    """
    room = max_length - 3
    first_length, second_length = first.row_lengths(), second.row_lengths()
    half = tf.constant(room // 2, first_length.dtype)
    kept_second = tf.minimum(second_length, tf.maximum(room - first_length, room - half))
    return _joined(START_ID, _cut(first, room - kept_second), END_ID, _cut(second, kept_second), END_ID)


def pack_target(pieces: tf.RaggedTensor, max_length: int) -> tf.RaggedTensor:
    """Returns `start target end`, int32 `[batch, None]`; the decoder reads, and writes, at most `max_length`."""
    return _joined(START_ID, _cut(pieces, max_length - 1), END_ID)


def _cut(pieces: tf.RaggedTensor, lengths: tf.Tensor | int) -> tf.RaggedTensor:
    """Returns the first pieces of each row, so many as `lengths` says.

    On flat values: TensorFlow's own slices and masks of ragged tensors are many ops, which take long to trace.
    """
    kept = tf.minimum(pieces.row_lengths(), tf.cast(lengths, pieces.row_splits.dtype))
    rows = pieces.value_rowids()
    places = tf.range(tf.size(rows, rows.dtype)) - tf.gather(pieces.row_starts(), rows)
    values = tf.boolean_mask(pieces.flat_values, places < tf.gather(kept, rows))
    return tf.RaggedTensor.from_row_lengths(values, kept, validate=False)


def _joined(*parts: tf.RaggedTensor | int) -> tf.RaggedTensor:
    """Returns rows one after the other; a mark stands in each row."""
    rows = next(part for part in parts if not isinstance(part, int)).nrows()
    columns = [tf.fill([rows, 1], part) if isinstance(part, int) else part for part in parts]
    return tf.concat(columns, axis=1)
