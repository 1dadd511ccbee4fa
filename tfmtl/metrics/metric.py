"""What every metric has: a value, and the replicates from which its interval is read.

A metric is a class in `metrics/`, registered under its name. It takes rows that all have a target:

| measures | targets | predictions |
|---|---|---|
| class probabilities | int `[rows]` | probabilities, float `[rows, classes]` |
| numbers | float `[rows]` | float `[rows]` |
| texts | a sequence of tuples of references | a sequence of texts |

What a kind of task predicts is its `predicts`; a metric measures the kinds that predict what it `measures`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from tfmtl.core.errors import ConfigurationError, nearest
from tfmtl.core.registry import METRICS
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task
from tfmtl.metrics.bootstrap import blocks, samples_of_rows

Rows = np.ndarray | Sequence[Any]
"""Targets or predictions, the first axis being the rows."""


class Metric(ABC):
    """A score of predictions against targets, 1 being perfect.

    Attributes:
        measures: the form of the predictions; see the table above.
    """

    measures: ClassVar[str]

    def objection(self, task: Task) -> str | None:
        """Returns why the metric cannot measure `task`, which predicts what it measures; None where it can."""
        return None

    @abstractmethod
    def __call__(self, targets: Rows, predictions: Rows) -> float:
        """Returns the score of one or more rows; never NaN."""

    def of_samples(self, targets: Rows, predictions: Rows, samples: np.ndarray) -> np.ndarray:
        """Returns the score of each sample of the rows, `[samples]`.

        Args:
            targets: `[rows]`.
            predictions: `[rows, ...]`.
            samples: the rows of each, int `[samples, some rows]`.
        """
        targets, predictions = np.asarray(targets), np.asarray(predictions)
        return np.array([self(targets[rows], predictions[rows]) for rows in samples])

    def replicates(self, targets: Rows, predictions: Rows, samples: int, generator: np.random.Generator) -> np.ndarray:
        """Returns the score of `samples` samples of the rows, drawn with replacement, as `[samples]`."""
        drawn = samples_of_rows(len(targets), samples, generator)
        return np.concatenate([self.of_samples(targets, predictions, block) for block in drawn])


class MeanMetric(Metric):
    """A metric that is the mean of a score of each row."""

    @abstractmethod
    def per_example(self, targets: Rows, predictions: Rows) -> np.ndarray:
        """Returns each row's score, float64 `[rows]`."""

    def __call__(self, targets: Rows, predictions: Rows) -> float:
        return float(self.per_example(targets, predictions).mean())

    def of_samples(self, targets: Rows, predictions: Rows, samples: np.ndarray) -> np.ndarray:
        return self.per_example(targets, predictions)[samples].mean(axis=1)


class CountMetric(Metric):
    """A metric of classes that depends on the confusion matrix alone.

    The value comes from scikit-learn; `of_counts` is the same formula over many matrices at once, since a thousand
    calls of scikit-learn would take seconds. The tests hold the two equal.
    """

    measures = "class probabilities"

    @abstractmethod
    def of_counts(self, counts: np.ndarray) -> np.ndarray:
        """Returns the scores `[...]` of the confusion matrices `[..., true class, predicted class]`."""

    def of_samples(self, targets: Rows, predictions: Rows, samples: np.ndarray) -> np.ndarray:
        classes = predictions.shape[1]
        cells = np.asarray(targets) * classes + predicted_classes(predictions)
        ends = np.cumsum(blocks(classes * classes, len(samples)))
        parts = np.split(samples, ends[:-1])
        return np.concatenate([self.of_counts(_counts_of_samples(cells[part], classes)) for part in parts])


def _counts_of_samples(cells: np.ndarray, classes: int) -> np.ndarray:
    """Returns the confusion matrices `[samples, classes, classes]` of the cells `[samples, rows]` of rows."""
    # Each sample counts in a range of its own, so that one pass counts them all.
    first = classes * classes * np.arange(len(cells))[:, None]
    counts = np.bincount((first + cells).ravel(), minlength=classes * classes * len(cells))
    return counts.reshape(-1, classes, classes)


def predicted_classes(probabilities: np.ndarray) -> np.ndarray:
    """Returns the most probable class of each row, int `[rows]`, of `probabilities` `[rows, classes]`."""
    return np.argmax(probabilities, axis=1)


def confusion_counts(targets: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Returns how many rows have each true and predicted class, int `[true class, predicted class]`."""
    cells = np.asarray(targets) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def is_constant(values: np.ndarray) -> bool:
    """Whether all of `values` `[rows]` are the same, so that no correlation with them is defined."""
    return bool(np.ptp(values) == 0)


def f1_per_class(counts: np.ndarray) -> np.ndarray:
    """Returns the F1 of each class, `[..., classes]`; NaN for a class neither true nor predicted anywhere.

    Args:
        counts: confusion matrices `[..., true class, predicted class]`.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    total = counts.sum(axis=-1) + counts.sum(axis=-2)
    return np.divide(2.0 * hits, total, out=np.full(hits.shape, np.nan), where=total > 0)


def metrics_of(task: Task) -> dict[str, Metric]:
    """Returns the metrics of `task` by name; called before training too, so that a wrong one is told early.

    Raises:
        ConfigurationError: where a metric is unknown, or cannot measure the task.
    """
    return {name: _metric(name, task) for name in task.all_metrics}


def check_metrics(tasks: Mapping[str, Task]) -> None:
    """Raises `ConfigurationError` where a metric of some task is unknown, or cannot measure it."""
    for task in tasks.values():
        metrics_of(task)


def _metric(name: str, task: Task) -> Metric:
    key = "primary" if name == task.primary and name not in task.metrics else "metrics"
    place = f"tasks.{task.name}.{key}"
    predicts = kind_of(task).predicts
    fitting = [entry.name for entry in METRICS if entry.build.measures == predicts]
    known = {entry.name: entry for entry in METRICS}
    if name not in known:
        raise ConfigurationError(f"{place}: unknown metric '{name}'; {nearest(name, fitting)}")
    metric = known[name].build()
    if metric.measures != predicts:
        raise ConfigurationError(
            f"{place}: '{name}' measures {metric.measures}, a {task.kind} task predicts {predicts}; "
            f"{nearest(name, fitting)}"
        )
    objection = metric.objection(task)
    if objection:
        raise ConfigurationError(f"{place}: '{name}' {objection}")
    return metric
