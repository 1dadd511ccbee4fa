"""The minimum probability for which each label is selected, chosen on rows with known labels unless it is given.

A chosen threshold lies midway between two probabilities that occur. It is one half if no other threshold is better, or
if no row has the label.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

_HALF = 0.5


def micro_thresholds(targets: np.ndarray, probabilities: np.ndarray, given: np.ndarray | None = None) -> np.ndarray:
    """Returns the thresholds of all labels that together have the best micro F1, float32 `[classes]`.

    A label that is rarely found is then selected rarely or never. The best F1 of such a label alone would be that of
    selecting it nearly everywhere (Lipton et al. 2014), which floods the answers with labels that are not true.

    Micro F1 is twice the ratio of hits to true and selected labels. Of a ratio r, the best selection maximises hits
    minus r for each selected row, which each label can do by itself; its own ratio is the next r, until it stays
    (Dinkelbach 1967).

    Args:
        targets: whether each row has each label, int `[rows, classes]`, 0 or 1.
        probabilities: the predicted probabilities, float32 `[rows, classes]`.
        given: the thresholds that are given, float32 `[classes]`; NaN where one is to be chosen, `None` if all are.
    """
    given = np.full(targets.shape[1], np.nan, np.float32) if given is None else given
    curves = _curves(targets, probabilities, given)
    fixed = ~np.isnan(given)
    selected = (probabilities >= given)[:, fixed]
    fixed_hits, total = (selected * targets[:, fixed]).sum(), targets.sum() + selected.sum()
    ratio, better = -1.0, 0.0
    while better > ratio:
        ratio = better
        chosen = {label: curve.best(curve.hits - ratio * np.arange(len(curve.hits))) for label, curve in curves.items()}
        hits = fixed_hits + sum(curve.hits[chosen[label]] for label, curve in curves.items())
        better = hits / (total + sum(chosen.values())) if curves else 0.0
    return _thresholds(curves, chosen, given)


def label_thresholds(targets: np.ndarray, probabilities: np.ndarray, given: np.ndarray | None = None) -> np.ndarray:
    """Returns the threshold with the best F1 of each label, float32 `[classes]`; their mean is the best macro F1.

    Args:
        targets: whether each row has each label, int `[rows, classes]`, 0 or 1.
        probabilities: the predicted probabilities, float32 `[rows, classes]`.
        given: the thresholds that are given, float32 `[classes]`; NaN where one is to be chosen, `None` if all are.
    """
    given = np.full(targets.shape[1], np.nan, np.float32) if given is None else given
    curves = _curves(targets, probabilities, given)
    chosen = {
        label: curve.best(2.0 * curve.hits / (np.arange(len(curve.hits)) + curve.hits[-1]))
        for label, curve in curves.items()
    }
    return _thresholds(curves, chosen, given)


@dataclass(frozen=True)
class _Curve:
    """What is selected of one label, by the number of selected rows, from none to all.

    Attributes:
        ranked: the probabilities, the largest first, float64 `[rows]`.
        hits: the number of selected rows with the label, `[rows + 1]`.
    """

    ranked: np.ndarray
    hits: np.ndarray

    @classmethod
    def of(cls, targets: np.ndarray, probabilities: np.ndarray) -> Self:
        order = np.argsort(-probabilities, kind="stable")
        return cls(probabilities[order].astype(np.float64), np.append(0, np.cumsum(targets[order])))

    @property
    def half(self) -> int:
        """The number of rows that a threshold of one half selects."""
        return int(np.count_nonzero(self.ranked >= _HALF))

    def best(self, scores: np.ndarray) -> int:
        """Returns the number of rows with the best score; of equal ones that of one half, or the smallest."""
        # Rows with the same probability are selected together.
        parts = np.concatenate([[True], np.diff(self.ranked) < 0, [True]])
        best = int(np.argmax(np.where(parts, scores, -np.inf)))
        return self.half if scores[self.half] >= scores[best] else best

    def threshold(self, selected: int) -> float:
        """Returns a threshold that selects so many rows."""
        if selected == self.half:
            return _HALF
        if selected == 0:
            # A float above a probability of one is reached by none.
            return max((1.0 + self.ranked[0]) / 2.0, float(np.nextafter(np.float32(self.ranked[0]), np.float32(2.0))))
        below = self.ranked[selected] if selected < len(self.ranked) else 0.0
        return (self.ranked[selected - 1] + below) / 2.0


def _curves(targets: np.ndarray, probabilities: np.ndarray, given: np.ndarray) -> dict[int, _Curve]:
    """Returns the curves of the labels that some row has and whose threshold is not given, by their positions."""
    known = np.flatnonzero(targets.any(axis=0) & np.isnan(given))
    return {int(label): _Curve.of(targets[:, label], probabilities[:, label]) for label in known}


def _thresholds(curves: dict[int, _Curve], chosen: dict[int, int], given: np.ndarray) -> np.ndarray:
    found = np.where(np.isnan(given), np.float32(_HALF), given)
    for label, curve in curves.items():
        found[label] = curve.threshold(chosen[label])
    return found
