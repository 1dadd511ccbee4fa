"""Dropout with 16 random bits a value, in place of a float32 number."""

import keras
import tensorflow as tf

from tfmtl.models.layers.fused.compiled import compiled

_STEPS = 1 << 16


def dropped_steps(rate: float) -> int:
    """Returns how many of the 65,536 values of 16 bits mean that an entry is dropped."""
    return round(rate * _STEPS)


def random_bits(dropout: keras.layers.Dropout, shape) -> tf.Tensor:
    """Returns uniform 16-bit numbers for one call of a dropout layer, uint16 in a shape.

    Args:
        dropout: the layer, whose seed generator gives the seed.
        shape: the shape, a sequence of numbers or scalar tensors.
    """
    # XLA takes no seed of 64 bits.
    seed = tf.cast(tf.math.floormod(dropout.seed_generator.next(), tf.int32.max), tf.int32)
    size = tf.reduce_prod(shape)
    # One number of 32 bits for two entries; one more, because the size may be odd.
    drawn = tf.random.stateless_uniform([size // 2 + 1], seed, minval=None, maxval=None, dtype=tf.uint32)
    return tf.reshape(tf.reshape(tf.bitcast(drawn, tf.uint16), [-1])[:size], shape)


def kept(values: tf.Tensor, bits: tf.Tensor, rate: float) -> tf.Tensor:
    """Returns float32 values, of which those with few bits are 0 and the others scaled up.

    The rate is a multiple of 1/65,536, and the scale is exactly that of this rate: so expected values are kept.
    """
    dropped = dropped_steps(rate)
    return tf.where(bits >= dropped, values * (_STEPS / (_STEPS - dropped)), 0.0)


def dropped_sum(values: tf.Tensor, states: tf.Tensor, dropout: keras.layers.Dropout) -> tf.Tensor:
    """Returns `states` plus the dropout of `values`, both `[batch, length, hidden]` of one dtype.

    Args:
        values: the output of a sublayer.
        states: its input.
        dropout: the dropout layer; a rate of 0 keeps everything.
    """
    rate = dropout.rate
    if not dropped_steps(rate):
        return states + values
    bits = random_bits(dropout, tf.shape(values))

    @tf.custom_gradient
    def summed(values, states):
        def gradient(upstream):
            return dropped(upstream, bits, rate), upstream

        return _summed(values, states, bits, rate), gradient

    return summed(values, states)


@compiled
def _summed(values, states, bits, rate):
    total = tf.cast(states, tf.float32) + kept(tf.cast(values, tf.float32), bits, rate)
    return tf.cast(total, states.dtype)


@compiled
def dropped(values: tf.Tensor, bits: tf.Tensor, rate: float) -> tf.Tensor:
    """Returns the same as `kept` in the dtype of the values, by one kernel."""
    return tf.cast(kept(tf.cast(values, tf.float32), bits, rate), values.dtype)
