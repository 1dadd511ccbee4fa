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
    present = pieces.row_lengths()
    kept = tf.minimum(present, tf.cast(lengths, present.dtype))
    values = tf.gather(pieces.flat_values, _places(tf.cumsum(present, exclusive=True), kept))
    return tf.RaggedTensor.from_row_lengths(values, kept, validate=False)


def _joined(*parts: tf.RaggedTensor | int) -> tf.RaggedTensor:
    """Returns the parts concatenated row by row; a part that is a mark is added to each row.

    It puts flat values in their places, for the same reason as `_cut`.
    """
    lengths = [1 if isinstance(part, int) else part.row_lengths() for part in parts]
    total = sum(lengths)
    begin, places, values = tf.cumsum(total, exclusive=True), [], []
    for part, length in zip(parts, lengths, strict=True):
        is_mark = isinstance(part, int)
        places.append(begin if is_mark else _places(begin, length))
        values.append(tf.fill(tf.shape(begin), part) if is_mark else part.flat_values)
        begin += length
    stitched = tf.dynamic_stitch([tf.cast(place, tf.int32) for place in places], values)
    return tf.RaggedTensor.from_row_lengths(stitched, total, validate=False)


def _places(begin: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Returns `begin`, `begin` + 1, ... for each row, as many as its length, all rows in one sequence."""
    one = tf.constant(1, begin.dtype)
    return tf.raw_ops.RaggedRange(starts=begin, limits=begin + lengths, deltas=one, Tsplits=tf.int64).rt_dense_values
