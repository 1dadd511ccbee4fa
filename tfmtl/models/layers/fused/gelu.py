"""GELU (Hendrycks & Gimpel 2016) whose gradient keeps nothing but the input."""

import math

import tensorflow as tf

from tfmtl.models.layers.fused.compiled import compiled


@tf.custom_gradient
def gelu(values: tf.Tensor) -> tf.Tensor:
    """Returns `x Phi(x)`, computed in float32, in the dtype and shape of `values`."""

    def gradient(upstream):
        return _gradient(values, upstream)

    return _gelu(values), gradient


@compiled
def _gelu(values):
    x = tf.cast(values, tf.float32)
    return tf.cast(x * _normal_cdf(x), values.dtype)


@compiled
def _gradient(values, upstream):
    x = tf.cast(values, tf.float32)
    density = tf.exp(-0.5 * tf.square(x)) / math.sqrt(2 * math.pi)
    return tf.cast(tf.cast(upstream, tf.float32) * (_normal_cdf(x) + x * density), values.dtype)


def _normal_cdf(x):
    return 0.5 * (1.0 + tf.math.erf(x / math.sqrt(2.0)))
