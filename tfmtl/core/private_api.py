"""Access to the private attributes of Keras and KerasHub that tfmtl uses, and the versions that they were checked on.

A minor version may change or remove any of them without notice. All other modules use the functions below. The only
exception is `MultiTaskModel`, which overrides `keras.Model._maybe_symbolic_build`; a function cannot do that.
"""

from collections.abc import Callable
from typing import NamedTuple

CHECKED_VERSIONS = {"keras": ("3.15",), "keras-hub": ("0.32",)}
"""The minor versions that a test allows, by distribution."""


class SelfAttention(NamedTuple):
    """The parts of a KerasHub decoder layer that compute keys and values from the states that it reads.

    Attributes:
        norm: the normalization before the attention, which keeps the shape `[batch, length, hidden]`.
        key: the projection to keys, from `[batch, length, hidden]` to `[batch, length, heads, size]`.
        value: the projection to values, with the same shapes.
    """

    norm: Callable
    key: Callable
    value: Callable


def self_attention(layer) -> SelfAttention:
    """Returns the parts of a `keras_hub.layers.TransformerDecoder` that normalizes first.

    KerasHub provides keys and values only in a cache that it updates itself, and no gradient flows through that cache.
    """
    attention = layer._self_attention_layer
    return SelfAttention(layer._self_attention_layer_norm, attention.key_dense, attention.value_dense)


def variable_index(optimizer, variable) -> int:
    """Returns the index of a variable, or of a replica's copy of it, among the variables of a built optimizer."""
    return optimizer._get_variable_index(variable)


def moments(adam, index: int) -> tuple:
    """Returns the running averages of a variable's gradient and of its square in a `keras.optimizers.Adam`."""
    return adam._momentums[index], adam._velocities[index]
