"""Configurations of layers, from which the same layers can be made without being built."""

from collections.abc import Mapping
from typing import Any

import keras


def layer_config(layer: keras.layers.Layer) -> dict[str, Any]:
    """Returns the configuration of a layer; a layer that is made from it is built when it is first called."""
    config = keras.saving.serialize_keras_object(layer)
    config.pop("build_config", None)
    # Keras adds it while it loads a model, and then returns the same layer for each of several copies.
    config.pop("shared_object_id", None)
    return config


def layer_of(layer: keras.layers.Layer | Mapping[str, Any]) -> keras.layers.Layer:
    """Returns a layer, which is made if it is given by its configuration."""
    return keras.saving.deserialize_keras_object(dict(layer)) if isinstance(layer, Mapping) else layer
