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
from tfmtl.models.layers.int8_kernel import dequantized, quantize_kernel
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
        base: the precision of the frozen kernels: `int8` stores those of all dense layers in eight bits, with a scale
            for each column; `None` leaves them as they are.
    """

    rank: int = Field(8, ge=1)
    alpha: float | None = Field(None, gt=0.0)
    targets: tuple[Target, ...] = Field(("query", "value"), min_length=1)
    base: Literal["int8"] | None = None

    @field_validator("targets")
    @classmethod
    def _distinct(cls, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        return tuple(dict.fromkeys(targets))


class Place(NamedTuple):
    """Where a layer is.

    Attributes:
        owner: the layer that has it as an attribute.
        attribute: the name of the attribute.
    """

    owner: keras.layers.Layer
    attribute: str

    @property
    def layer(self) -> keras.layers.Layer:
        """The layer that is there."""
        return getattr(self.owner, self.attribute)

    def put(self, layer: keras.layers.Layer) -> None:
        """Puts another layer there."""
        replace_layer(self.owner, self.attribute, layer)


class Lora(NamedTuple):
    """What LoRA has changed in a backbone.

    Attributes:
        updates: where the layers with an update are.
        quantized: where the layers with kernels of eight bits are; some of them are in those with an update.
    """

    updates: list[Place]
    quantized: list[Place]

    def merge(self) -> None:
        """Adds each update to its kernel, and puts all layers back as they were: without updates, and with floats."""
        for place in self.quantized:
            place.put(dequantized(place.layer))
        for place in self.updates:
            place.put(place.layer.merged())


def add_lora(backbone: keras_hub.models.Backbone, options: LoraOptions, place: str) -> Lora:
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
    updates = [where for target in options.targets for where in found[target]]
    try:
        for where in updates:
            base = where.layer
            where.put(LowRankUpdate(base, options.rank, alpha, name=f"{base.name}_lora"))
    except ValueError as error:
        raise ConfigurationError(f"{place}.rank: {error}") from None
    quantized = list(_dense_layers(backbone, ".*")) if options.base else []
    for where in quantized:
        quantize_kernel(where.layer)
    return Lora(updates, quantized)


def _dense_layers(backbone: keras_hub.models.Backbone, name: str) -> Iterator[Place]:
    """Yields the place of each dense layer of the encoder whose attribute has such a name."""
    encoder = getattr(backbone, "encoder_transformer_layers", backbone.layers)
    for owner in (part for layer in encoder for part in all_layers(layer)):
        for attribute, layer in layer_attributes(owner):
            is_dense = isinstance(layer, keras.layers.Dense | keras.layers.EinsumDense)
            if is_dense and re.fullmatch(name, attribute.lstrip("_")):
                yield Place(owner, attribute)
