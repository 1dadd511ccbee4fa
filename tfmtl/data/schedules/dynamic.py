"""Mixing whose rates follow from what the model has learned so far."""

import numpy as np
from pydantic import Field

from tfmtl.core.registry import MIXING_RULES, SCHEDULES, Options
from tfmtl.core.validation import choice_of


class DynamicOptions(Options):
    """How the rates change.

    Attributes:
        rule: the rule that chooses the rates of an epoch from what was measured after the epochs before it.
        temperature: the exponent's inverse in the rates of the first epoch, size^(1 / temperature); 1 is proportional.
        floor: the share of the rows that is always drawn at the rates of the first epoch, so that no task is forgotten.
    """

    rule: choice_of(MIXING_RULES, "type", "progress", "mixing.rule") = Field("progress", validate_default=True)
    temperature: float = Field(1.0, gt=0.0)
    floor: float = Field(0.1, ge=0.0, le=1.0)


@SCHEDULES.register("dynamic", options=DynamicOptions)
def dynamic(sizes: np.ndarray, epoch: int, epochs: int, options: DynamicOptions) -> np.ndarray:
    """Rates that a rule chooses anew after each epoch; those of the first one are p ~ size^(1 / temperature)."""
    rates = sizes.astype(np.float64) ** (1.0 / options.temperature)
    return rates / rates.sum()
