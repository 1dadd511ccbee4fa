"""A few rows of each class, drawn as a pure function of a seed."""

from collections.abc import Iterable

import numpy as np


def drawn_rows(strata: Iterable[np.ndarray], rows: int, seed: int) -> np.ndarray:
    """Returns the indices of at most `rows` rows of each stratum, in their own order.

    They are the first ones of a shuffle of all rows, so that a larger number adds rows to those of a smaller one, and
    all methods that learn from the same seed learn from the same rows.

    Args:
        strata: for each class, whether a row is an example of it, bool `[all rows]`.
        rows: the maximum number of rows of each class.
        seed: the seed of the shuffle.
    """
    chosen = [np.zeros(0, np.int64)]
    for members in strata:
        order = np.random.default_rng(seed).permutation(len(members))
        chosen.append(order[members[order]][:rows])
    return np.unique(np.concatenate(chosen))


def without_others(targets: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Returns targets `[rows, ...]` in which all but the rows at the indices `kept` are absent."""
    others = np.ones(len(targets), bool)
    others[kept] = False
    left = targets.copy()
    if targets.dtype != object:
        left[others] = np.nan if targets.dtype.kind == "f" else -1
        return left
    for row in np.flatnonzero(others):
        # An empty text or list, whichever it was.
        left[row] = type(targets[row])()
    return left
