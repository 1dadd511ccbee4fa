"""The options of pretrained trunks."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tfmtl.config.learning_rates import LearningRates
from tfmtl.models.pretrained.lora import LoraOptions
from tfmtl.models.trunk import TrunkOptions


class PresetOptions(TrunkOptions):
    """Options of a pretrained trunk.

    Attributes:
        preset: the name of a KerasHub preset, a handle such as `hf://...`, or the path of a local preset.
        max_length: the maximum number of tokens in a row, including its marks; longer rows are cut.
        lora: low-rank updates of some layers, trained in the place of the trunk's weights (Hu et al. 2022); none if
            absent.
        pooling: how heads pool the states of a text: by `attention`, their `mean`, or the `last`; `None` means the last
            of a causal trunk, and attention otherwise.
        pretrained_decoder: whether summaries are written with pretrained weights: by the preset's own decoder, of which
            each task has a copy, or by the layers that have read the text; `None` means that they are if the preset
            can. `model.decoder.layers` then has no effect.
        decoder_heads: the number of attention heads in new decoders.
        decoder_feedforward: the inner width of the feed-forward networks in new decoders.
        decoder_dropout: the dropout rate of new decoders.
    """

    preset: str
    max_length: int = Field(256, ge=4)
    lora: LoraOptions | None = None
    pooling: Literal["attention", "last", "mean"] | None = None
    pretrained_decoder: bool | None = None
    decoder_heads: int = Field(4, ge=1)
    decoder_feedforward: int = Field(1024, ge=1)
    decoder_dropout: float = Field(0.1, ge=0.0, lt=1.0)

    @property
    def own_tokenizer(self) -> dict[str, str]:
        return {"type": "preset", "preset": self.preset}

    @property
    def pretrained_from(self) -> str:
        return self.preset

    @property
    def learning_rates(self) -> LearningRates:
        return LearningRates(trunk=1e-3 if self.lora else 1e-4, heads=1e-3, decoders=1e-3)

    @model_validator(mode="after")
    def _check_lora(self) -> Self:
        if self.lora and self.frozen:
            raise ValueError("with 'lora', the trunk's own weights are frozen anyway; leave out 'frozen'")
        return self
