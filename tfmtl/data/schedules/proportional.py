"""Mixing in which all rows are drawn equally often."""

import numpy as np

from tfmtl.core.registry import SCHEDULES, Options


@SCHEDULES.register("proportional")
def proportional(sizes: np.ndarray, epoch: int, epochs: int, options: Options) -> np.ndarray:
    """Rows are drawn from each stream in proportion to its size, so that an epoch reads each row once."""
    return sizes / sizes.sum()
