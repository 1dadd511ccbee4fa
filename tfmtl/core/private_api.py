"""The private attributes of Keras and KerasHub that tfmtl uses, and the versions on which they were checked.

A minor version may change or remove any of them without notice. All other modules go through the functions here, except
for `MultiTaskModel`, which overrides `keras.Model._maybe_symbolic_build`: an override cannot go through a function.
"""

from collections.abc import Callable
from typing import NamedTuple

CHECKED_VERSIONS = {"keras": ("3.15",), "keras-hub": ("0.32",)}
"""By distribution, the minor versions that a test allows."""


class SelfAttention(NamedTuple):
    """What a decoder layer of KerasHub makes keys and values with, from the states that it reads.

    Attributes:
        norm: the normalization before the attention, `[batch, length, hidden]` to the same.
        key: the projection to keys, `[batch, length, hidden]` to `[batch, length, heads, size]`.
        value: the projection to values, likewise.
    """

    norm: Callable
    key: Callable
    value: Callable


def self_attention(layer) -> SelfAttention:
    """Returns the parts of a `keras_hub.layers.TransformerDecoder` that normalizes first.

    KerasHub offers no keys and values but in a cache that it updates itself, through which no gradient flows.
    """
    attention = layer._self_attention_layer
    return SelfAttention(layer._self_attention_layer_norm, attention.key_dense, attention.value_dense)


def variable_index(optimizer, variable) -> int:
    """Returns the index of a variable, or of a replica's copy of it, among those that an optimizer was built with."""
    return optimizer._get_variable_index(variable)


def moments(adam, index: int) -> tuple:
    """Returns the averages that a `keras.optimizers.Adam` keeps of a variable's gradient and of its square."""
    return adam._momentums[index], adam._velocities[index]
