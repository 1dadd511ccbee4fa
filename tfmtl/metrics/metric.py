"""The interface of a metric: its value, and the replicates that determine its interval.

A metric is a class in `tfmtl/metrics/`, registered under its name. All rows that it receives have a target:

| measures | targets | predictions |
|---|---|---|
| class probabilities | int `[rows]` | probabilities, float `[rows, classes]` |
| numbers | float `[rows]` | float `[rows]` |
| texts | a sequence of tuples of references | a sequence of texts |
| tags | a sequence of tuples of tags, one for each word | tags padded with "", object `[rows, words]` |
| answers | a sequence of tuples of answers, texts with their offsets | a sequence of texts |
| label sets | 0 or 1, int `[rows, classes]` | probabilities, then 1 or 0 if selected, float `[rows, 2, classes]` |

A metric can measure the tasks of a kind if what the kind `predicts` is what the metric `measures`.
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
"""Targets or predictions whose first axis is the rows."""


class Metric(ABC):
    """A score of predictions against targets; 1 is perfect, or 0 if it is an error.

    Attributes:
        measures: the form of the predictions; see the table in the docstring of the module.
        higher_is_better: whether it is a score; an error cannot choose a checkpoint.
    """

    measures: ClassVar[str]
    higher_is_better: ClassVar[bool] = True

    def objection(self, task: Task) -> str | None:
        """Returns why the metric cannot measure `task` although the form of predictions fits; `None` if it can."""
        return None

    def tokenization(self, targets: Rows) -> str | None:
        """Returns the name of the pieces in which texts are compared with `targets`; `None` if that is no question."""
        return None

    @abstractmethod
    def __call__(self, targets: Rows, predictions: Rows) -> float:
        """Returns the score of one or more rows, which is never NaN."""

    def of_samples(self, targets: Rows, predictions: Rows, samples: np.ndarray) -> np.ndarray:
        """Returns the score of each sample of the rows, `[samples]`.

        Args:
            targets: the targets `[rows]`.
            predictions: the predictions `[rows, ...]`.
            samples: the indices of the rows in each sample, int `[samples, some rows]`.
        """
        targets, predictions = np.asarray(targets), np.asarray(predictions)
        return np.array([self(targets[rows], predictions[rows]) for rows in samples])

    def replicates(self, targets: Rows, predictions: Rows, samples: int, generator: np.random.Generator) -> np.ndarray:
        """Returns the scores `[samples]` of samples of the rows, drawn with replacement."""
        drawn = samples_of_rows(len(targets), samples, generator)
        return np.concatenate([self.of_samples(targets, predictions, block) for block in drawn])


class MeanMetric(Metric):
    """A metric that is the mean of the scores of the rows."""

    @abstractmethod
    def per_example(self, targets: Rows, predictions: Rows) -> np.ndarray:
        """Returns the score of each row, float64 `[rows]`."""

    def __call__(self, targets: Rows, predictions: Rows) -> float:
        return float(self.per_example(targets, predictions).mean())

    def of_samples(self, targets: Rows, predictions: Rows, samples: np.ndarray) -> np.ndarray:
        return self.per_example(targets, predictions)[samples].mean(axis=1)


class CountMetric(Metric):
    """A metric of classes that depends only on the confusion matrix.

    The value comes from scikit-learn. `of_counts` applies the same formula to many matrices at once, because a thousand
    calls of scikit-learn would take seconds. Tests check that the two agree.
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
    """Returns the confusion matrices `[samples, classes, classes]` for the cells `[samples, rows]` of the rows."""
    # Each sample has a range of numbers of its own, so that one pass counts all samples.
    first = classes * classes * np.arange(len(cells))[:, None]
    counts = np.bincount((first + cells).ravel(), minlength=classes * classes * len(cells))
    return counts.reshape(-1, classes, classes)


def counts_of_samples(samples: np.ndarray, rows: int) -> np.ndarray:
    """Returns the number of times that each sample contains each row, float64 `[samples, rows]`.

    Args:
        samples: the indices of the rows in each sample, int `[samples, some rows]`.
        rows: the number of all rows.
    """
    first = rows * np.arange(len(samples))[:, None]
    counts = np.bincount((first + samples).ravel(), minlength=rows * len(samples))
    return counts.reshape(len(samples), rows).astype(np.float64)


def predicted_classes(probabilities: np.ndarray) -> np.ndarray:
    """Returns the most probable class of each row, int `[rows]`, for probabilities `[rows, classes]`."""
    return np.argmax(probabilities, axis=1)


def confusion_counts(targets: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Returns the number of rows with each pair of classes, int `[true class, predicted class]`."""
    cells = np.asarray(targets) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def is_constant(values: np.ndarray) -> bool:
    """Returns whether all `values`, `[rows]`, are equal, so that no correlation with them is defined."""
    return bool(np.ptp(values) == 0)


def f1_per_class(counts: np.ndarray) -> np.ndarray:
    """Returns the F1 of each class, `[..., classes]`; NaN for a class that is neither true nor predicted in any row.

    Args:
        counts: the confusion matrices `[..., true class, predicted class]`.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    total = counts.sum(axis=-1) + counts.sum(axis=-2)
    return np.divide(2.0 * hits, total, out=np.full(hits.shape, np.nan), where=total > 0)


def metrics_of(task: Task) -> dict[str, Metric]:
    """Returns the metrics of `task` by name; also called before training, so that a wrong one is reported early.

    Raises:
        ConfigurationError: if a metric is unknown or cannot measure the task.
    """
    return {name: _metric(name, task) for name in task.all_metrics}


def check_metrics(tasks: Mapping[str, Task]) -> None:
    """Raises `ConfigurationError` if a metric of a task is unknown or cannot measure the task."""
    for task in tasks.values():
        metrics_of(task)


def _metric(name: str, task: Task) -> Metric:
    key = "primary" if name == task.primary and name not in task.metrics else "metrics"
    place = f"tasks.{task.name}.{key}"
    own, predicts = kind_of(task).own_metrics, kind_of(task).predicts
    known = {entry.name: entry.build for entry in METRICS} | own
    fitting = [*own, *(entry.name for entry in METRICS if entry.build.measures == predicts and entry.name not in own)]
    if name not in known:
        raise ConfigurationError(f"{place}: unknown metric '{name}'; {nearest(name, fitting)}")
    metric = known[name]()
    if metric.measures != predicts:
        raise ConfigurationError(
            f"{place}: '{name}' measures {metric.measures}, a {task.kind} task predicts {predicts}; "
            f"{nearest(name, fitting)}"
        )
    if name == task.primary and not metric.higher_is_better:
        raise ConfigurationError(f"{place}: '{name}' is an error, best at 0, which cannot choose the best checkpoint")
    objection = metric.objection(task)
    if objection:
        raise ConfigurationError(f"{place}: '{name}' {objection}")
    return metric
