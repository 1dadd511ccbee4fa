"""From proportional towards uniform as training goes on (Stickland and Murray 2019, section 4.1)."""

import numpy as np
from pydantic import Field

from tfmtl.core.registry import SCHEDULES, Options


class AnnealedOptions(Options):
    """Options of annealed mixing.

    Attributes:
        fall: how far the exponent falls from 1 in the first epoch to the last; the paper has 0.8.
    """

    fall: float = Field(0.8, ge=0.0, le=1.0)


@SCHEDULES.register("annealed", options=AnnealedOptions)
def annealed(sizes: np.ndarray, epoch: int, epochs: int, options: AnnealedOptions) -> np.ndarray:
    """PALs' mixing: p ~ size^alpha, alpha = 1 - 0.8 epoch / (epochs - 1), epochs counted from 0."""
    exponent = 1.0 - options.fall * epoch / max(epochs - 1, 1)
    rates = sizes.astype(np.float64) ** exponent
    return rates / rates.sum()
