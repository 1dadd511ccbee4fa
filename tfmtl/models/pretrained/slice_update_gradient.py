"""The gradient of `keras.ops.slice_update`, which TensorFlow lacks."""

import tensorflow as tf
from keras import ops


def register_gradient_of_slice_update() -> None:
    """Lets gradients flow through `keras.ops.slice_update`, with which KerasHub's layers write into their caches.

    Without it, training a text through what is written behind it ends in a `LookupError`. Gradients belong to the whole
    process, so that this has an effect beyond tfmtl; one that is registered already is kept.
    """
    try:
        tf.RegisterGradient("XlaDynamicUpdateSlice")(_gradient)
    except KeyError:
        return


def _gradient(operation, gradient):
    """Returns the gradients of what was updated, 0 where it was overwritten, and of the update."""
    _, update, start = operation.inputs
    shape = tf.shape(update, out_type=start.dtype)
    of_input = ops.slice_update(gradient, start, tf.zeros(shape, gradient.dtype))
    return of_input, tf.slice(gradient, start, shape), None
