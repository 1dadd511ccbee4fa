"""Measures of how much the gradients of tasks conflict, computed from their inner products alone."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

_LARGEST_CONDITION = 1e7
"""A float32 Gram matrix with a larger condition number cannot be distinguished from a singular one."""


def conflict(gram: np.ndarray, tasks: Sequence[str]) -> dict[str, float]:
    """Returns the values that TensorBoard shows about the gradients of one update.

    - `cosine/<a>/<b>`: the cosine of each pair of tasks;
    - `conflicting_pairs`: the share of pairs whose cosine is negative (Yu et al. 2020, definition 1);
    - `magnitude_similarity`: the mean over pairs of :math:`2 |g_i| |g_j| / (|g_i|^2 + |g_j|^2)` (definition 2), which
      is 1 if all gradients have the same length;
    - `condition_number`: the largest eigenvalue of the Gram matrix divided by the smallest, at most 1e7 (Senushkin et
      al. 2023 use the condition number of the gradients, which is its square root).

    Tasks without a gradient are ignored. With fewer than two other tasks, the result is empty.

    Args:
        gram: the inner products of the gradients, `[tasks, tasks]`.
        tasks: the names of the tasks.

    >>> import numpy as np
    >>> found = conflict(np.array([[1.0, -1.0], [-1.0, 4.0]]), ["topic", "stars"])
    >>> found["cosine/topic/stars"], found["conflicting_pairs"], found["magnitude_similarity"]
    (-0.5, 1.0, 0.8)
    """
    gram = np.asarray(gram, np.float64)
    present = np.flatnonzero(np.diag(gram) > 0)
    if len(present) < 2:
        return {}
    norms = np.sqrt(np.diag(gram))
    pairs = list(combinations(present, 2))
    cosines = {(i, j): float(gram[i, j] / (norms[i] * norms[j])) for i, j in pairs}
    similarities = [2 * norms[i] * norms[j] / (norms[i] ** 2 + norms[j] ** 2) for i, j in pairs]
    return {
        **{f"cosine/{tasks[i]}/{tasks[j]}": cosine for (i, j), cosine in cosines.items()},
        "conflicting_pairs": float(np.mean([cosine < 0 for cosine in cosines.values()])),
        "magnitude_similarity": float(np.mean(similarities)),
        "condition_number": _condition(gram[np.ix_(present, present)]),
    }


def _condition(gram: np.ndarray) -> float:
    values = np.linalg.eigvalsh(gram / np.trace(gram))
    return float(min(values[-1] / max(values[0], values[-1] / _LARGEST_CONDITION), _LARGEST_CONDITION))
