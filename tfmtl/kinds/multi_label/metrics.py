"""The metrics of multi-label tasks.

Targets are int `[rows, classes]`, 0 or 1. Predictions are float `[rows, 2, classes]`: the probabilities, and 1 or 0 for
whether each label is selected.

Values come from scikit-learn. `of_samples` applies the same formulas to many samples at once, because a thousand calls
of scikit-learn would take minutes. Tests check that the two agree.
"""

from abc import abstractmethod

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from tfmtl.metrics.calibration import Reliability, calibration_errors
from tfmtl.metrics.metric import MeanMetric, Metric, counts_of_samples

MEASURES = "label sets"


class _F1(Metric):
    """The base class of F1 metrics of the selected labels.

    Attributes:
        average: the name of the average in scikit-learn.
    """

    measures = MEASURES
    average: str

    def __call__(self, targets: np.ndarray, predictions: np.ndarray) -> float:
        selected, columns = _selected(predictions), scored_columns(targets)
        return float(f1_score(targets, selected, labels=columns, average=self.average, zero_division=0.0))

    def of_samples(self, targets: np.ndarray, predictions: np.ndarray, samples: np.ndarray) -> np.ndarray:
        targets, selected = np.asarray(targets, np.float64), _selected(predictions).astype(np.float64)
        counts = counts_of_samples(samples, len(targets))
        return self.of_counts(counts @ (targets * selected), counts @ (targets + selected))

    @abstractmethod
    def of_counts(self, hits: np.ndarray, total: np.ndarray) -> np.ndarray:
        """Returns the scores `[samples]`.

        Args:
            hits: the number of rows for which each label is both true and selected, `[samples, classes]`.
            total: the number of rows for which each label is true, plus the number for which it is selected,
                `[samples, classes]`.
        """


class MicroF1(_F1):
    """F1 of all labels together; 0 if no label is true or selected."""

    average = "micro"

    def of_counts(self, hits, total):
        return _ratio(2.0 * hits.sum(axis=1), total.sum(axis=1))


class MacroF1(_F1):
    """The unweighted mean of the F1 of every label; the F1 of a label that is neither true nor selected is 0."""

    average = "macro"

    def of_counts(self, hits, total):
        return _ratio(2.0 * hits, total).mean(axis=1)


class AveragePrecision(Metric):
    """The mean over labels of the area under the precision-recall curve; labels that no row has are left out."""

    measures = MEASURES

    def __call__(self, targets: np.ndarray, predictions: np.ndarray) -> float:
        known = np.asarray(targets).any(axis=0)
        if not known.any():
            return 0.0
        return float(average_precision_score(targets[:, known], predictions[:, 0, known], average="macro"))

    def of_samples(self, targets: np.ndarray, predictions: np.ndarray, samples: np.ndarray) -> np.ndarray:
        counts = counts_of_samples(samples, len(targets))
        columns = zip(np.asarray(targets).T, predictions[:, 0].T, strict=True)
        areas = np.array([_areas(target, scores, counts) for target, scores in columns])
        known = np.isfinite(areas)
        return _ratio(np.where(known, areas, 0.0).sum(axis=0), known.sum(axis=0))


class SubsetAccuracy(MeanMetric):
    """The share of rows whose labels are all correct."""

    measures = MEASURES

    def per_example(self, targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        return (_selected(predictions) == targets).all(axis=1).astype(np.float64)


class ExpectedCalibrationError(Metric):
    """The mean gap between the probability of a label and how often rows have it; 0 is perfect.

    Each label of each row is a statement of its own, whether it is selected or not. They are put into 15 bins of equal
    width by their probabilities; see `tfmtl.metrics.calibration`.
    """

    measures = MEASURES
    higher_is_better = False

    def __call__(self, targets: np.ndarray, predictions: np.ndarray) -> float:
        probabilities = predictions[:, 0].astype(np.float64)
        return Reliability.of(probabilities.ravel(), np.asarray(targets).ravel()).error

    def of_samples(self, targets: np.ndarray, predictions: np.ndarray, samples: np.ndarray) -> np.ndarray:
        counts = counts_of_samples(samples, len(targets))
        return calibration_errors(predictions[:, 0].astype(np.float64), targets, counts)


METRICS = {
    "f1_micro": MicroF1,
    "f1_macro": MacroF1,
    "average_precision": AveragePrecision,
    "subset_accuracy": SubsetAccuracy,
    "ece": ExpectedCalibrationError,
}
"""The metrics, by the names under which a task reports them."""


def scored_columns(targets: np.ndarray) -> list[int] | None:
    """Returns the `labels` with which scikit-learn scores every column of targets, and nothing else.

    It takes a single column for two classes, 0 and 1, of which 1 means that a row has the label.
    """
    return [1] if targets.shape[1] == 1 else None


def _selected(predictions: np.ndarray) -> np.ndarray:
    return predictions[:, 1] > 0.5


def _areas(targets: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Returns the average precision of one label in each sample, `[samples]`; NaN if no row of it has the label."""
    order = np.argsort(-scores, kind="stable")
    # Rows with the same score form one point of the curve.
    ends = np.append(np.diff(scores[order]) != 0, True)
    hits = np.cumsum(counts[:, order] * targets[order], axis=1)[:, ends]
    selected = np.cumsum(counts[:, order], axis=1)[:, ends]
    gained = np.diff(hits, axis=1, prepend=0.0)
    area = (gained * _ratio(hits, selected)).sum(axis=1)
    return np.divide(area, hits[:, -1], out=np.full(len(counts), np.nan), where=hits[:, -1] > 0)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.zeros(np.shape(above)), where=np.asarray(below) > 0)
