"""Layers as configurations, from which the same layers are made again without being built."""

from collections.abc import Mapping
from typing import Any

import keras


def layer_config(layer: keras.layers.Layer) -> dict[str, Any]:
    """Returns the configuration of a layer; it is built anew wherever it is called first."""
    config = keras.saving.serialize_keras_object(layer)
    config.pop("build_config", None)
    return config


def layer_of(layer: keras.layers.Layer | Mapping[str, Any]) -> keras.layers.Layer:
    """Returns a layer; one that is described by its configuration is made."""
    return keras.saving.deserialize_keras_object(dict(layer)) if isinstance(layer, Mapping) else layer
