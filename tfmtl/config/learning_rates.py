"""The peaks of the learning rate, one for each part of the network."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from tfmtl.core.registry import Options

Rate = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class LearningRates(Options):
    """The peak of the learning rate of each part of the network.

    What is new has to move further than what is pretrained, so that each part can have a rate of its own.

    Attributes:
        trunk: the rate of the embedding, of the trunk, and of pretrained decoders.
        heads: the rate of the tasks' heads and of what a sharing scheme adds.
        decoders: the rate of new decoders, and of what a task adds to layers that have read the text.
    """

    trunk: Rate = 1e-3
    heads: Rate = 1e-3
    decoders: Rate = 1e-3

    @classmethod
    def of(cls, rates: "float | LearningRates") -> "LearningRates":
        """Returns the rate of each part, given one rate for all of them or one for each."""
        return rates if isinstance(rates, LearningRates) else cls(**dict.fromkeys(cls.model_fields, rates))

    @property
    def peak(self) -> float:
        """The largest of the rates."""
        return max(self.model_dump().values())

    def factors(self) -> dict[str, float]:
        """Returns each part's rate as a share of the largest one."""
        return {part: rate / self.peak for part, rate in self.model_dump().items()}


def completed(rates: Any, defaults: Any) -> Any:
    """Returns the rates of a configuration, with the defaults of the parts that it omits."""
    if isinstance(rates, Mapping):
        known = defaults if isinstance(defaults, Mapping) else LearningRates.of(defaults).model_dump()
        return {**known, **rates}
    return defaults if rates is None else rates


def _form(rates: Any) -> str:
    return "dict" if isinstance(rates, Mapping | LearningRates) else "float"


RatesByPart = Annotated[Annotated[Rate, Tag("float")] | Annotated[LearningRates, Tag("dict")], Discriminator(_form)]
"""A number for all parts of the network, or keys and values with one for each."""
