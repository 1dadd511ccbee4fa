"""The difference between two models' answers to the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tfmtl.metrics.bootstrap import percentile_interval, samples_of_rows
from tfmtl.metrics.metric import Metric, Rows

# Swapped differences that equal the observed one except for rounding count as equally large.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Difference:
    """The difference of a metric between two models.

    Attributes:
        value: the second model's score minus that of the first.
        interval: the percentile bootstrap interval at 95 %; both models are scored on the same drawn rows.
        p_value: the p-value of the hypothesis that it does not matter which of the two models an answer is from.
        replicates: the differences of the drawn samples, `[samples]`; with the same seed, those of two tasks on the
            same rows come from the same drawn rows.
    """

    value: float
    interval: tuple[float, float]
    p_value: float
    replicates: np.ndarray = field(repr=False, compare=False)


def paired_difference(
    metric: Metric, targets: Rows, first: Sequence[Rows], second: Sequence[Rows], samples: int, seed: int
) -> Difference:
    """Compares two models' answers to the same rows.

    The p-value is that of an approximate randomization test (Noreen 1989; Yeh 2000): in each sample the two answers to
    each row change sides with a probability of one half; it is the share of samples, including the observed one, whose
    difference is at least as large in either direction. It assumes nothing about the metric.

    For several trainings of a model, the mean score counts; a row is drawn for all of them together, and a swapped row
    changes sides between the first trainings of both models, between the second ones, and so on.

    Args:
        metric: a metric of the task.
        targets: the targets, `[rows]`; no row is without one.
        first: the answers of each training of the first model, `[rows, ...]` each.
        second: the answers of as many trainings of the second model, in the same order of seeds.
        samples: the number of samples for the interval, and for the p-value.
        seed: the seed of the samples.
    """
    rows, trainings = len(targets), len(first)
    all_targets = _joined([targets] * (2 * trainings))
    answers = _joined([*first, *second])
    # The indices of the same row in every training of a model.
    of_first = np.arange(trainings)[:, None] * rows
    of_second = of_first + trainings * rows

    def scores(samples_of_answers: np.ndarray) -> np.ndarray:
        """The mean over the trainings, given `[samples, trainings, rows]`."""
        of_trainings = metric.of_samples(all_targets, answers, samples_of_answers.reshape(-1, rows))
        return of_trainings.reshape(-1, trainings).mean(axis=1)

    def difference(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return scores(right) - scores(left)

    value = float(difference((of_first + np.arange(rows))[None], (of_second + np.arange(rows))[None])[0])
    generator = np.random.default_rng(seed)
    replicates, swapped = [], []
    for drawn in samples_of_rows(rows, samples, generator):
        replicates.append(difference(of_first + drawn[:, None], of_second + drawn[:, None]))
        sides = generator.integers(2, size=drawn.shape, dtype=bool)[:, None]
        swap = np.where(sides, trainings * rows, 0)
        left = of_first + np.arange(rows)
        swapped.append(difference(left + swap, left + trainings * rows - swap))
    beyond = np.count_nonzero(np.abs(np.concatenate(swapped)) >= abs(value) - _ROUNDING)
    p_value = (1 + beyond) / (1 + samples)
    all_replicates = np.concatenate(replicates)
    return Difference(value, percentile_interval(all_replicates), p_value, all_replicates)


def _joined(parts: Sequence[Rows]) -> Rows:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return [row for part in parts for row in part]
