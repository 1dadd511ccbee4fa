"""Every stream as often as every other."""

import numpy as np

from tfmtl.core.registry import SCHEDULES, Options


@SCHEDULES.register("uniform")
def uniform(sizes: np.ndarray, epoch: int, epochs: int, options: Options) -> np.ndarray:
    """As many rows are drawn from each stream, whatever its size."""
    return np.full(len(sizes), 1.0 / len(sizes))
