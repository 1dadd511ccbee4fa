"""The minimum probability for which each label is selected."""

import numpy as np


def best_thresholds(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Returns the threshold with the best F1 for each label, float32 `[classes]`.

    A threshold lies midway between two probabilities that occur. It is one half if no other threshold is better, or if
    no row has the label.

    Args:
        targets: whether each row has each label, int `[rows, classes]`, 0 or 1.
        probabilities: the predicted probabilities, float32 `[rows, classes]`.
    """
    columns = zip(targets.T, probabilities.T.astype(np.float64), strict=True)
    return np.array([_best(target, probability) for target, probability in columns], np.float32)


def _best(targets: np.ndarray, probabilities: np.ndarray) -> float:
    if not targets.any():
        return 0.5
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], np.cumsum(targets[order])
    selected = np.arange(1, len(ranked) + 1)
    f1 = 2.0 * hits / (selected + hits[-1])
    # Rows with the same probability are selected together.
    below = np.append(ranked[1:], -1.0)
    best = np.argmax(np.where(ranked > below, f1, -1.0))
    plain = _f1(targets, probabilities >= 0.5)
    return 0.5 if f1[best] <= plain else float((ranked[best] + max(below[best], 0.0)) / 2.0)


def _f1(targets: np.ndarray, selected: np.ndarray) -> float:
    total = targets.sum() + selected.sum()
    return float(2.0 * (targets * selected).sum() / total) if total else 0.0
