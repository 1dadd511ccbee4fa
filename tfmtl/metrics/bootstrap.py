"""Percentile bootstrap: how far a score may lie from the one that another sample of rows would give.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. Rows are drawn with replacement, as many as
there are; the interval lies between the quantiles of the scores of such samples (the *replicates*).
"""

from collections.abc import Iterator

import numpy as np

LEVEL = 0.95
"""The share of replicates inside an interval."""

_ENTRIES_AT_ONCE = 1 << 22


def percentile_interval(replicates: np.ndarray) -> tuple[float, float]:
    """Returns the bounds of the middle 95 % of `replicates` `[samples]`."""
    low, high = np.quantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def samples_of_rows(rows: int, samples: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Yields the rows of samples drawn with replacement, int `[some, rows]`, in blocks that fit in memory."""
    for size in blocks(rows, samples):
        yield generator.integers(rows, size=(size, rows))


def blocks(rows: int, samples: int) -> list[int]:
    """Splits `samples` of `rows` each into blocks that fit in memory; returns the samples of each block."""
    size = max(1, _ENTRIES_AT_ONCE // rows)
    return [min(size, samples - start) for start in range(0, samples, size)]
