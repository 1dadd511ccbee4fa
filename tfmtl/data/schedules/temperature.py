"""Mixing between proportional and uniform, with a cap on large streams (Raffel et al. 2020, section 3.5.2)."""

import numpy as np
from pydantic import Field

from tfmtl.core.registry import SCHEDULES, Options


class TemperatureOptions(Options):
    """The position between proportional and uniform mixing.

    Attributes:
        temperature: the exponent's inverse; 1 is proportional (up to the cap), large values approach uniform.
        cap: the maximum size that a stream counts as; K in the paper.
    """

    temperature: float = Field(2.0, gt=0.0)
    cap: float = Field(2.0**21, gt=0.0)


@SCHEDULES.register("temperature", options=TemperatureOptions)
def temperature(sizes: np.ndarray, epoch: int, epochs: int, options: TemperatureOptions) -> np.ndarray:
    """The mixing of T5: p ~ min(size, cap)^(1 / temperature); the cap is applied before the temperature."""
    rates = np.minimum(sizes, options.cap) ** (1.0 / options.temperature)
    return rates / rates.sum()
