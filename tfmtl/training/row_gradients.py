"""Gradients of which a batch has some rows, while all others are zero, such as those of an embedding."""

from typing import NamedTuple

import tensorflow as tf

Gradient = tf.Tensor | tf.IndexedSlices
"""A gradient as a whole, or entries `[entries, ...]` that add up to its rows; a row can have several of them."""


class RowsSpec(NamedTuple):
    """The shape and dtype of a gradient that is given by rows, as `tf.TensorSpec` for a whole one."""

    shape: tf.TensorShape
    dtype: tf.DType


def rows_summed(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Returns the gradient with each row's sum in the first of its entries, and zeros in the others.

    The norm of the values is then that of the whole gradient. The number of entries is as before, as XLA requires.
    """
    sums, _ = _sums(gradient)
    return tf.IndexedSlices(sums, gradient.indices, gradient.dense_shape)


def rows_of_entries(gradient: tf.IndexedSlices) -> tf.Tensor:
    """Returns the whole row of each entry, `[entries, ...]`; it is the same for all entries of a row."""
    sums, first = _sums(gradient)
    return tf.gather(sums, first)


def scaled(gradient: Gradient, factor: tf.Tensor | float) -> Gradient:
    """Returns a gradient times a number."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(gradient.values * factor, gradient.indices, gradient.dense_shape)
    return gradient * factor


def _sums(gradient: tf.IndexedSlices) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns each row's sum at the place of its first entry `[entries, ...]`, and that place, int32 `[entries]`."""
    places = tf.range(tf.shape(gradient.indices)[0])
    rows = tf.cast(gradient.dense_shape[0], tf.int32)
    first = tf.gather(tf.math.unsorted_segment_min(places, gradient.indices, rows), gradient.indices)
    return tf.math.unsorted_segment_sum(gradient.values, first, tf.shape(places)[0]), first
