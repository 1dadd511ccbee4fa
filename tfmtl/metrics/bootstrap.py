"""The percentile bootstrap: an interval for how much a score would vary between samples of rows.

See Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. A sample consists of as many rows as the
data, drawn with replacement. The bounds of the interval are quantiles of the scores of samples (the *replicates*).
"""

from collections.abc import Iterator

import numpy as np

LEVEL = 0.95
"""The share of replicates that lie inside the interval."""

_ENTRIES_AT_ONCE = 1 << 22


def percentile_interval(replicates: np.ndarray) -> tuple[float, float]:
    """Returns the bounds of the middle 95 % of `replicates` `[samples]`."""
    low, high = np.quantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def samples_of_rows(rows: int, samples: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Yields samples of row indices drawn with replacement, int `[samples, rows]`, in blocks that fit in memory."""
    for size in blocks(rows, samples):
        yield generator.integers(rows, size=(size, rows))


def blocks(rows: int, samples: int) -> list[int]:
    """Splits `samples` samples of `rows` rows into blocks that fit in memory; returns the samples in each block."""
    size = max(1, _ENTRIES_AT_ONCE // rows)
    return [min(size, samples - start) for start in range(0, samples, size)]
