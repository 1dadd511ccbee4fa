"""The softmax of attention scores and its dropout, with one gradient for both."""

import keras
import tensorflow as tf

from tfmtl.models.layers.fused.compiled import compiled
from tfmtl.models.layers.fused.dropout import dropped, dropped_steps, kept, random_bits


def attention_weights(scores: tf.Tensor, bias: tf.Tensor, dropout: keras.layers.Dropout) -> tf.Tensor:
    """Returns the dropout of the softmax of `scores + bias`, which is computed in float32, in the dtype of the scores.

    Args:
        scores: `[batch, heads, length, source_length]`.
        bias: float32, broadcast to the scores; it has no gradient.
        dropout: the dropout layer of the weights.
    """
    rate = dropout.rate
    if not dropped_steps(rate):
        return _softmax(scores, bias)
    bits = random_bits(dropout, tf.shape(scores))

    @tf.custom_gradient
    def weights(scores):
        shares = _softmax(scores, bias)

        def gradient(upstream):
            return _gradient(shares, bits, upstream, rate)

        return dropped(shares, bits, rate), gradient

    return weights(scores)


def _softmax(scores, bias):
    return tf.cast(tf.nn.softmax(tf.cast(scores, tf.float32) + bias), scores.dtype)


@compiled
def _gradient(shares, bits, upstream, rate):
    of_shares, exact = kept(tf.cast(upstream, tf.float32), bits, rate), tf.cast(shares, tf.float32)
    of_scores = exact * (of_shares - tf.reduce_sum(of_shares * exact, axis=-1, keepdims=True))
    return tf.cast(of_scores, shares.dtype)
