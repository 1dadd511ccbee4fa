"""How well probabilities agree with how often they are right."""

from dataclasses import dataclass
from typing import Self

import numpy as np

BINS = 15
"""The number of bins of equal width between 0 and 1, as in Guo et al. 2017."""


@dataclass(frozen=True)
class Reliability:
    """Statements with a probability, in bins of equal width, by how often they are true.

    Attributes:
        counts: the number of statements in each bin, int `[bins]`.
        probability: their mean probability, float64 `[bins]`; 0 in an empty bin.
        frequency: the share of them that is true, float64 `[bins]`; 0 in an empty bin.
    """

    counts: np.ndarray
    probability: np.ndarray
    frequency: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray, is_true: np.ndarray) -> Self:
        """Returns the reliability of statements.

        Args:
            probabilities: the probability of each statement, `[statements]`.
            is_true: whether it is true, `[statements]`.
        """
        bins = bins_of(probabilities)
        counts = np.bincount(bins, minlength=BINS)
        sums = [np.bincount(bins, weights=values, minlength=BINS) for values in (probabilities, is_true)]
        probability, frequency = (total / np.maximum(counts, 1) for total in sums)
        return cls(counts, probability, frequency)

    @property
    def error(self) -> float:
        """The expected calibration error: the mean over statements of the gap of their bin; 0 without statements."""
        gaps = np.abs(self.frequency - self.probability)
        return float((self.counts * gaps).sum() / max(self.counts.sum(), 1))


def bins_of(probabilities: np.ndarray) -> np.ndarray:
    """Returns the bin of each probability, int `[...]`: bin k holds those above k / 15 up to (k + 1) / 15."""
    edges = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
    return np.searchsorted(edges, np.asarray(probabilities, np.float64))


def calibration_errors(probabilities: np.ndarray, is_true: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Returns the expected calibration error of samples of statements, `[samples]`.

    Args:
        probabilities: the probability of each statement, `[rows]` or, with several statements a row, `[rows, k]`.
        is_true: whether it is true, in the same shape.
        counts: the number of times that each sample contains each row, float64 `[samples, rows]`.
    """
    rows = len(probabilities)
    gaps = (np.asarray(is_true, np.float64) - probabilities).reshape(rows, -1)
    bins = bins_of(probabilities).reshape(rows, -1)
    of_bins = np.stack([np.where(bins == number, gaps, 0.0).sum(axis=1) for number in range(BINS)], axis=1)
    return np.abs(counts @ of_bins).sum(axis=1) / (counts.sum(axis=1) * gaps.shape[1])
