"""Builds the rows that the model reads from tokens: adds the marks and truncates what is too long."""

import tensorflow as tf

from tfmtl.data.special_tokens import END_ID, START_ID


def pack_text(pieces: tf.RaggedTensor, max_length: int) -> tf.RaggedTensor:
    """Returns `start text end`, int32 `[batch, None]`, at most `max_length` ids; the end of a long text is cut off."""
    return _joined(START_ID, _cut(pieces, max_length - 2), END_ID)


def pack_pair(first: tf.RaggedTensor, second: tf.RaggedTensor, max_length: int) -> tf.RaggedTensor:
    """Returns `start first end second end`, int32 `[batch, None]`, at most `max_length` ids.

    If the pair is too long, the ends of its texts are cut off, that of the longer text first. A text that is cut keeps
    at least half of the room.
    """
    room = max_length - 3
    first_length, second_length = first.row_lengths(), second.row_lengths()
    half = tf.constant(room // 2, first_length.dtype)
    kept_second = tf.minimum(second_length, tf.maximum(room - first_length, room - half))
    return _joined(START_ID, _cut(first, room - kept_second), END_ID, _cut(second, kept_second), END_ID)


def pack_target(pieces: tf.RaggedTensor, max_length: int) -> tf.RaggedTensor:
    """Returns `start target end`, int32 `[batch, None]`; the decoder reads and writes at most `max_length` ids."""
    return _joined(START_ID, _cut(pieces, max_length - 1), END_ID)


def _cut(pieces: tf.RaggedTensor, lengths: tf.Tensor | int) -> tf.RaggedTensor:
    """Returns the first tokens of each row; `lengths` is their number.

    It works on flat values, because TensorFlow's slices and masks of ragged tensors consist of many ops, which take
    long to trace.
    """
    kept = tf.minimum(pieces.row_lengths(), tf.cast(lengths, pieces.row_splits.dtype))
    rows = pieces.value_rowids()
    places = tf.range(tf.size(rows, rows.dtype)) - tf.gather(pieces.row_starts(), rows)
    values = tf.boolean_mask(pieces.flat_values, places < tf.gather(kept, rows))
    return tf.RaggedTensor.from_row_lengths(values, kept, validate=False)


def _joined(*parts: tf.RaggedTensor | int) -> tf.RaggedTensor:
    """Returns the parts concatenated row by row; a part that is a mark is added to each row."""
    rows = next(part for part in parts if not isinstance(part, int)).nrows()
    columns = [tf.fill([rows, 1], part) if isinstance(part, int) else part for part in parts]
    return tf.concat(columns, axis=1)
