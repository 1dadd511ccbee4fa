"""Access to the private attributes of Keras and KerasHub that tfmtl uses, and the versions that they were checked on.

A minor version may change or remove any of them without notice. All other modules use the functions below. The only
exception is `MultiTaskModel`, which overrides `keras.Model._maybe_symbolic_build`; a function cannot do that.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import keras_hub
from keras.src.backend.common.stateless_scope import get_stateless_scope, in_stateless_scope

CHECKED_VERSIONS = {"keras": ("3.15",), "keras-hub": ("0.32",)}
"""The minor versions that a test allows, by distribution."""


class EncoderLayer(NamedTuple):
    """The parts of a KerasHub encoder layer that normalizes last, in the order in which they are applied.

    Attributes:
        attention: the attention, with `query_dense`, `key_dense`, `value_dense` and `output_dense`.
        score_dropout: the dropout of its scores after the softmax.
        attention_dropout: the dropout of its output, before this is added to the layer's input.
        attention_norm: the normalization of the sum.
        expand: the first layer of the feed-forward network, with its activation.
        reduce: the second.
        feedforward_dropout: the dropout of its output, before this is added to its input.
        feedforward_norm: the normalization of the sum.
    """

    attention: keras.layers.MultiHeadAttention
    score_dropout: keras.layers.Dropout
    attention_dropout: keras.layers.Dropout
    attention_norm: keras.layers.LayerNormalization
    expand: keras.layers.Dense
    reduce: keras.layers.Dense
    feedforward_dropout: keras.layers.Dropout
    feedforward_norm: keras.layers.LayerNormalization


def encoder_layer(layer: keras_hub.layers.TransformerEncoder) -> EncoderLayer:
    """Returns the parts of a built layer.

    KerasHub provides neither the keys and values of an encoder layer nor a way to give it those of other positions.
    """
    attention = layer._self_attention_layer
    return EncoderLayer(
        attention=attention,
        score_dropout=attention._dropout_layer,
        attention_dropout=layer._self_attention_dropout,
        attention_norm=layer._self_attention_layer_norm,
        expand=layer._feedforward_intermediate_dense,
        reduce=layer._feedforward_output_dense,
        feedforward_dropout=layer._feedforward_dropout,
        feedforward_norm=layer._feedforward_layer_norm,
    )


def feedforward_activation(layer: keras_hub.layers.TransformerEncoder, activation: Callable) -> None:
    """Replaces the activation in the feed-forward network of a built layer."""
    layer._feedforward_intermediate_dense.activation = activation


def copied_encoder_layer(
    layer: keras_hub.layers.TransformerEncoder, name: str, width: int
) -> keras_hub.layers.TransformerEncoder:
    """Returns a built copy of a layer that reads states of a width, with the same weights and another name."""
    copy = type(layer).from_config({**layer.get_config(), "name": name})
    copy.build((None, None, width))
    copy.set_weights(layer.get_weights())
    # The configuration has the activation of the preset, in whose place loading may have put another.
    feedforward_activation(copy, layer._feedforward_intermediate_dense.activation)
    return copy


def variable_index(optimizer, variable) -> int:
    """Returns the index of a variable, or of a replica's copy of it, among the variables of a built optimizer."""
    return optimizer._get_variable_index(variable)


def moments(adam, index: int) -> tuple:
    """Returns the running averages of a variable's gradient and of its square in a `keras.optimizers.Adam`."""
    return adam._momentums[index], adam._velocities[index]


def optimized_variables(optimizer) -> list[keras.Variable]:
    """Returns the variables that a built optimizer updates, in the order of their indices."""
    return optimizer._trainable_variables


def replace_layer(owner: keras.layers.Layer, name: str, new: keras.layers.Layer) -> None:
    """Puts another layer into an attribute of a built layer, and into the list of its sublayers.

    Keras does not let sublayers of a built layer change.
    """
    tracker, old = owner._tracker, getattr(owner, name)
    tracker.replace_tracked_value("layers", old, new)
    setattr(owner, name, new)


def layer_attributes(layer: keras.layers.Layer) -> list[tuple[str, keras.layers.Layer]]:
    """Returns the sublayers that a layer has as attributes, with their names; KerasHub's are mostly private."""
    return [(name, value) for name, value in vars(layer).items() if isinstance(value, keras.layers.Layer)]


def all_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns a layer and all layers within it."""
    return list(layer._flatten_layers())


def uncast_value(variable: keras.Variable):
    """Returns the underlying TensorFlow variable, or the value that a `keras.StatelessScope` gives in its place.

    In mixed precision, layers see a cast copy of it.
    """
    given = get_stateless_scope().get_current_value(variable) if in_stateless_scope() else None
    return variable._value if given is None else given
