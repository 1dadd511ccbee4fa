"""Mixing that moves from proportional towards uniform during training (Stickland and Murray 2019, section 4.1)."""

import numpy as np
from pydantic import Field

from tfmtl.core.registry import SCHEDULES, Options


class AnnealedOptions(Options):
    """How far mixing moves towards uniform.

    Attributes:
        fall: the amount by which the exponent falls from 1 between the first and the last epoch; 0.8 in the paper.
    """

    fall: float = Field(0.8, ge=0.0, le=1.0)


@SCHEDULES.register("annealed", options=AnnealedOptions)
def annealed(sizes: np.ndarray, epoch: int, epochs: int, options: AnnealedOptions) -> np.ndarray:
    """The mixing of PALs: p ~ size^alpha with alpha = 1 - 0.8 epoch / (epochs - 1), where epochs count from 0."""
    exponent = 1.0 - options.fall * epoch / max(epochs - 1, 1)
    rates = sizes.astype(np.float64) ** exponent
    return rates / rates.sum()
