"""Layer normalization (Ba et al. 2016) whose gradient keeps nothing but the input and its mean and scale."""

import keras
import tensorflow as tf

from tfmtl.models.layers.fused.compiled import compiled


def normalized(norm: keras.layers.Layer, states: tf.Tensor) -> tf.Tensor:
    """Returns what a built layer that normalizes the last axis returns, with moments in float32.

    Args:
        norm: the layer; one that is no `LayerNormalization` is called as it is.
        states: `[batch, length, hidden]`.
    """
    if type(norm) is not keras.layers.LayerNormalization:
        return norm(states)
    epsilon = norm.epsilon

    @tf.custom_gradient
    def normalize(states, gamma, beta):
        output, mean, scale = _normalized(states, gamma, beta, epsilon)

        def gradient(upstream):
            return _gradient(states, gamma, mean, scale, upstream)

        return output, gradient

    return normalize(states, tf.cast(norm.gamma, tf.float32), tf.cast(norm.beta, tf.float32))


@compiled
def _normalized(states, gamma, beta, epsilon):
    x = tf.cast(states, tf.float32)
    mean = tf.reduce_mean(x, axis=-1, keepdims=True)
    scale = tf.math.rsqrt(tf.reduce_mean(tf.square(x - mean), axis=-1, keepdims=True) + epsilon)
    return tf.cast((x - mean) * scale * gamma + beta, states.dtype), mean, scale


@compiled
def _gradient(states, gamma, mean, scale, upstream):
    standard = (tf.cast(states, tf.float32) - mean) * scale
    upstream = tf.cast(upstream, tf.float32)
    rows = list(range(upstream.shape.rank - 1))
    weighted = upstream * gamma
    of_mean = tf.reduce_mean(weighted, axis=-1, keepdims=True)
    of_scale = tf.reduce_mean(weighted * standard, axis=-1, keepdims=True)
    of_states = scale * (weighted - of_mean - standard * of_scale)
    of_gamma, of_beta = tf.reduce_sum(upstream * standard, axis=rows), tf.reduce_sum(upstream, axis=rows)
    return tf.cast(of_states, states.dtype), of_gamma, of_beta
