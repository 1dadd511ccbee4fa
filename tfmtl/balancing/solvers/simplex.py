"""Projection onto the probability simplex."""

import tensorflow as tf


def projected_onto_simplex(values: tf.Tensor) -> tf.Tensor:
    """Returns the point of the probability simplex closest to `values` `[tasks]` (Duchi et al. 2008, figure 1)."""
    falling = tf.sort(values, direction="DESCENDING")
    ranks = tf.range(1, values.shape[0] + 1)
    excess = (tf.cumsum(falling) - 1.0) / tf.cast(ranks, values.dtype)
    support = tf.reduce_max(tf.where(falling > excess, ranks, tf.zeros_like(ranks)))
    return tf.maximum(values - excess[tf.maximum(support, 1) - 1], 0.0)
