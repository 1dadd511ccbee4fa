"""Loads pretrained backbones: from KerasHub, Kaggle or Hugging Face, or a folder in the layout of either.

The family of a preset, and whether it is converted rightly, are found out from its configuration, before its weights
are downloaded.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import keras_hub

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.private_api import feedforward_activation
from tfmtl.data.tokenizers.preset_files import preset_error, preset_file
from tfmtl.models.pretrained.conversion import lost_in_conversion
from tfmtl.models.pretrained.families import Family, family_of

WEIGHTS = ("model.weights.h5", "model.weights.json", "model.safetensors", "model.safetensors.index.json")
"""The files of which one must be in the folder of a preset."""

_TIED = "tie_word_embeddings"
_EXACT_GELU = "exact_gelu"


class Preset(NamedTuple):
    """A preset whose configuration was read.

    Attributes:
        name: what the user calls it.
        config: the contents of its `config.json`.
        family: its family.
    """

    name: str
    config: Mapping[str, Any]
    family: Family


def read_preset(name: str) -> Preset:
    """Reads the configuration of a preset.

    Args:
        name: a preset of KerasHub, a handle such as `hf://...` or `kaggle://...`, or the path of a folder.

    Raises:
        ConfigurationError: if it cannot be read, has no weights, or belongs to a family that is refused.
    """
    try:
        config = json.loads(preset_file(name, "config.json").read_text(encoding="utf-8"))
        family = config.get("class_name", "").removesuffix("Backbone") or config.get("model_type")
    except (ValueError, OSError) as error:
        raise ConfigurationError(f"model.encoder.preset: {preset_error(name, error)}") from None
    if family is None:
        raise ConfigurationError(f"model.encoder.preset: '{name}' does not say which family of models it belongs to")
    try:
        found = family_of(family)
    except ConfigurationError as error:
        raise ConfigurationError(f"model.encoder.preset: '{name}' is of the family {family}: {error}") from None
    if Path(name).is_dir() and not any((Path(name) / file).is_file() for file in WEIGHTS):
        raise ConfigurationError(f"model.encoder.preset: '{name}' has no weights ({' or '.join(WEIGHTS)})")
    return Preset(name, config, found)


def load_backbone(preset: Preset, dtype) -> keras_hub.models.Backbone:
    """Loads a backbone with its weights.

    Args:
        preset: the result of `read_preset`.
        dtype: a Keras dtype policy.

    Raises:
        ConfigurationError: if it cannot be loaded, is not what its family is, or reads more than text.
    """
    try:
        # Of a model of Transformers, what KerasHub's converter leaves out.
        options = lost_in_conversion(preset.config) if "model_type" in preset.config else {}
        backbone = _load(preset, dtype=dtype, **options)
        if preset.config.get("model_type") == "bert":
            _use_exact_gelu(backbone)
    except (ValueError, OSError, ImportError, KeyError) as error:
        raise ConfigurationError(f"model.encoder.preset: {preset_error(preset.name, error)}") from None
    texts_only = {"token_ids", "segment_ids", "padding_mask"}
    read = {name.removeprefix("encoder_").removeprefix("decoder_") for name in backbone.input}
    if not read <= texts_only:
        others = ", ".join(sorted(read - texts_only))
        raise ConfigurationError(f"model.encoder.preset: '{preset.name}' does not read text alone, but also {others}")
    return backbone


def serialize_backbone(backbone: keras_hub.models.Backbone) -> dict[str, Any]:
    """Returns a backbone without weights, as `deserialize_backbone` reads it."""
    serialized = keras.saving.serialize_keras_object(backbone)
    # KerasHub 0.32: `LlamaBackbone.get_config` leaves out `tie_word_embeddings`; a tied model comes back untied.
    if hasattr(backbone, _TIED):
        serialized["config"][_TIED] = backbone.tie_word_embeddings
    return {**serialized, _EXACT_GELU: True} if getattr(backbone, _EXACT_GELU, False) else serialized


def deserialize_backbone(serialized: Mapping[str, Any]) -> keras_hub.models.Backbone:
    """Returns the backbone, with initial weights, that `serialize_backbone` has described."""
    config = dict(serialized)
    exact = config.pop(_EXACT_GELU, False)
    backbone = keras.saving.deserialize_keras_object(config)
    if exact:
        _use_exact_gelu(backbone)
    return backbone


def _use_exact_gelu(backbone: keras_hub.models.Backbone) -> None:
    """Makes a BERT of KerasHub, which approximates GELU by a tanh, compute what Transformers computes."""
    for layer in backbone.transformer_layers:
        feedforward_activation(layer, keras.activations.gelu)
    setattr(backbone, _EXACT_GELU, True)


def _load(preset: Preset, **options) -> keras_hub.models.Backbone:
    load = keras_hub.models.Backbone.from_preset
    try:
        return load(preset.name, **options)
    except ValueError:
        # KerasHub 0.32 does not save whether a Llama is tied (see `serialize_backbone`); its weights fit one of both.
        is_llama = issubclass(preset.family.backbone, keras_hub.models.LlamaBackbone)
        if not is_llama or "model_type" in preset.config or _TIED in preset.config["config"]:
            raise
        return load(preset.name, **options, **{_TIED: True})
