"""Mixing in which all streams are drawn from equally often."""

import numpy as np

from tfmtl.core.registry import SCHEDULES, Options


@SCHEDULES.register("uniform")
def uniform(sizes: np.ndarray, epoch: int, epochs: int, options: Options) -> np.ndarray:
    """The same number of rows is drawn from each stream, whatever its size."""
    return np.full(len(sizes), 1.0 / len(sizes))
