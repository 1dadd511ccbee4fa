"""Percentile bootstrap: how far a score may lie from the one that another sample of rows would give.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. Rows are drawn with replacement, as many as
there are; the interval lies between the quantiles of the scores of such samples (the *replicates*).
"""

from collections.abc import Callable

import numpy as np

LEVEL = 0.95
"""The share of replicates inside an interval."""

_ENTRIES_AT_ONCE = 1 << 22


def percentile_interval(replicates: np.ndarray) -> tuple[float, float]:
    """Returns the bounds of the middle 95 % of `replicates` `[samples]`."""
    low, high = np.quantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def row_replicates(
    statistic: Callable[[np.ndarray], float], rows: int, samples: int, generator: np.random.Generator
) -> np.ndarray:
    """Returns `statistic(drawn)` `[samples]`, where `drawn` are the indices `[rows]` of one sample's rows."""
    return np.array([statistic(generator.integers(rows, size=rows)) for _ in range(samples)])


def mean_replicates(values: np.ndarray, samples: int, generator: np.random.Generator) -> np.ndarray:
    """Returns the mean of each sample of `values` `[rows]`, as `[samples]`."""
    rows = len(values)
    return np.concatenate(
        [values[generator.integers(rows, size=(size, rows))].mean(axis=1) for size in _blocks(samples, rows)]
    )


def count_replicates(
    statistic: Callable[[np.ndarray], np.ndarray], counts: np.ndarray, samples: int, generator: np.random.Generator
) -> np.ndarray:
    """Resamples rows of which only the cell of a table matters that each falls into.

    The table of rows drawn with replacement is a multinomial draw from the table of all rows, so nothing row by row
    needs to be done.

    Args:
        statistic: from tables `[some, ...]` to scores `[some]`.
        counts: how many rows fall into each cell, of any shape.
        samples: how many tables are drawn.
        generator: the source of randomness.

    Returns:
        the scores, `[samples]`.
    """
    rows = counts.sum()
    shares = counts.ravel() / rows
    return np.concatenate(
        [
            statistic(generator.multinomial(rows, shares, size=size).reshape(size, *counts.shape))
            for size in _blocks(samples, counts.size)
        ]
    )


def _blocks(samples: int, entries: int) -> list[int]:
    """Splits `samples` of `entries` numbers each into blocks that fit in memory."""
    size = max(1, _ENTRIES_AT_ONCE // entries)
    return [min(size, samples - start) for start in range(0, samples, size)]
