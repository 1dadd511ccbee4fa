"""LoRA: a pretrained backbone stays frozen, and some of its dense layers learn an update of low rank."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

import keras
import keras_hub
from pydantic import Field, field_validator

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.private_api import all_layers, layer_attributes, replace_layer
from tfmtl.core.registry import Options
from tfmtl.models.layers.low_rank_update import LowRankUpdate

Target = Literal["query", "key", "value", "attention_output", "feedforward"]

_ATTRIBUTES: dict[Target, str] = {
    "query": r"q(uery)?_(dense|proj|projector)",
    "key": r"k(ey)?_(dense|proj|projector)",
    "value": r"v(alue)?_(dense|proj|projector)",
    "attention_output": r"o(utput)?_(dense|proj|projector)",
    "feedforward": r"feedforward_\w+|mlp_\w+|gating_ffw\w*|ffw_linear|dense_(h_to_4h|4h_to_h)|(gate|up|down)_proj",
}
"""What KerasHub's families call the layers in question, without leading underscores."""


class LoraOptions(Options):
    """Options of LoRA.

    Attributes:
        rank: the rank of each update.
        alpha: each update is multiplied by `alpha / rank`; `None` means twice the rank.
        targets: the dense layers that learn an update.
    """

    rank: int = Field(8, ge=1)
    alpha: float | None = Field(None, gt=0.0)
    targets: tuple[Target, ...] = Field(("query", "value"), min_length=1)

    @field_validator("targets")
    @classmethod
    def _distinct(cls, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        return tuple(dict.fromkeys(targets))


class Adapted(NamedTuple):
    """A layer with an update, where it is.

    Attributes:
        owner: the layer that has it as an attribute.
        attribute: the name of the attribute.
        layer: the layer itself.
    """

    owner: keras.layers.Layer
    attribute: str
    layer: LowRankUpdate


def add_lora(backbone: keras_hub.models.Backbone, options: LoraOptions, place: str) -> list[Adapted]:
    """Freezes a backbone, and gives some dense layers of its encoder an update.

    Args:
        backbone: the backbone, before any graph is made of its layers.
        options: the options of LoRA.
        place: the section of the configuration, for errors.

    Raises:
        ConfigurationError: if the backbone has none of the layers that a target means.
    """
    for variable in backbone.variables:
        variable.trainable = False
    found = {target: list(_dense_layers(backbone, name)) for target, name in _ATTRIBUTES.items()}
    for target in options.targets:
        if not found[target]:
            known = ", ".join(name for name, places in found.items() if places)
            raise ConfigurationError(f"{place}.targets: this preset has no layer '{target}'; it has: {known}")
    alpha = 2.0 * options.rank if options.alpha is None else options.alpha
    places = [where for target in options.targets for where in found[target]]
    try:
        return [_adapt(*where, options.rank, alpha) for where in places]
    except ValueError as error:
        raise ConfigurationError(f"{place}.rank: {error}") from None


def _dense_layers(backbone: keras_hub.models.Backbone, name: str) -> Iterator[tuple[keras.layers.Layer, str]]:
    """Yields the owner and the attribute of each dense layer whose attribute has such a name."""
    encoder = getattr(backbone, "encoder_transformer_layers", backbone.layers)
    for owner in (part for layer in encoder for part in all_layers(layer)):
        for attribute, layer in layer_attributes(owner):
            is_dense = isinstance(layer, keras.layers.Dense | keras.layers.EinsumDense)
            if is_dense and re.fullmatch(name, attribute.lstrip("_")):
                yield owner, attribute


def _adapt(owner: keras.layers.Layer, attribute: str, rank: int, alpha: float) -> Adapted:
    base = getattr(owner, attribute)
    layer = LowRankUpdate(base, rank, alpha, name=f"{base.name}_lora")
    replace_layer(owner, attribute, layer)
    return Adapted(owner, attribute, layer)


def merge_lora(adapted: list[Adapted]) -> None:
    """Adds each update to its kernel, and puts the layers back without it."""
    for owner, attribute, layer in adapted:
        replace_layer(owner, attribute, layer.merged())
