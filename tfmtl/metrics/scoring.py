"""The scores of tasks on a split, as in the file `evaluation_<split>.json` of a run.

Rows without a target of the task are left out; see `tfmtl.data.columns`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmtl.config.options import EvaluationOptions
from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import DataError, RunError
from tfmtl.data.columns import is_present
from tfmtl.kinds.task import Task
from tfmtl.metrics.bootstrap import percentile_interval
from tfmtl.metrics.metric import Rows, metrics_of


def evaluate_task(
    task: Task, targets: Rows, predictions: Rows, options: EvaluationOptions, seed: int
) -> dict[str, Any]:
    """Returns the scores of one task with their intervals.

    Args:
        task: the task, with its label set.
        targets: the targets `[rows]`, including absent ones.
        predictions: the predictions for the same rows.
        options: the evaluation options, which contain the number of samples for each interval.
        seed: the seed of the samples.

    Returns:
        The value of each metric, by name; `intervals`, the bounds `[low, high]` of each metric; `examples`, the number
        of rows with a target; and `tokenization`, the pieces of each metric that compares pieces of texts, if any does.
        If there are no rows with a target, there are no metrics and `examples` is 0.

    Raises:
        RunError: if a prediction is not finite.
    """
    targets, predictions = _labelled(task, targets, predictions)
    metrics = metrics_of(task) if len(targets) else {}
    result: dict[str, Any] = {}
    intervals: dict[str, list[float]] = {}
    for name, metric in metrics.items():
        result[name] = metric(targets, predictions)
        generator = np.random.default_rng(seed)
        replicates = metric.replicates(targets, predictions, options.bootstrap_samples, generator)
        intervals[name] = list(percentile_interval(replicates))
    pieces = {name: metric.tokenization(targets) for name, metric in metrics.items()}
    pieces = {name: found for name, found in pieces.items() if found}
    return {**result, "intervals": intervals, "examples": len(targets), **({"tokenization": pieces} if pieces else {})}


def quick_scores(task: Task, targets: Rows, predictions: Rows) -> dict[str, float]:
    """Returns the value of each metric, by name, without intervals; empty if no row has a target.

    Raises:
        RunError: if a prediction is not finite.
    """
    targets, predictions = _labelled(task, targets, predictions)
    metrics = metrics_of(task) if len(targets) else {}
    return {name: metric(targets, predictions) for name, metric in metrics.items()}


def validation_score(tasks: Mapping[str, Task], scores: Mapping[str, Mapping[str, float]]) -> float:
    """Returns the mean over tasks of the primary metric, which chooses the best checkpoint.

    A correlation below 0 counts as 0, so that all tasks have the same range. A task without a validation row that has a
    target has no score and is left out.

    Args:
        tasks: the tasks, by name.
        scores: the metrics of each task, as returned by `quick_scores` or `evaluate_task`.

    Raises:
        DataError: if no task has a score.
    """
    primary = [
        max(0.0, scores[name][task.primary]) for name, task in tasks.items() if task.primary in scores.get(name, {})
    ]
    if not primary:
        raise DataError("validation: no row has a target of any task, so the best checkpoint cannot be chosen")
    return float(np.mean(primary))


def write_evaluation(path: str | Path, evaluation: Mapping[str, Any]) -> None:
    """Writes `{"split": ..., "tasks": {NAME: {METRIC: value, ...}}, ...}` to `path` atomically."""
    text = json.dumps(evaluation, indent=2, allow_nan=False, ensure_ascii=False)
    with atomic_write(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def _labelled(task: Task, targets: Rows, predictions: Rows) -> tuple[Rows, Rows]:
    if len(targets) != len(predictions):
        raise ValueError(f"task '{task.name}': {len(targets)} targets, but {len(predictions)} predictions")
    keep = is_present(targets)
    targets, predictions = _select(targets, keep), _select(predictions, keep)
    if isinstance(predictions, np.ndarray) and predictions.dtype.kind == "f":
        broken = np.count_nonzero(~np.isfinite(predictions).all(axis=tuple(range(1, predictions.ndim))))
        if broken:
            raise RunError(f"task '{task.name}': {broken} of {len(predictions)} predictions are not finite numbers")
    return targets, predictions


def _select(values: Rows, keep: np.ndarray) -> Rows:
    if isinstance(values, np.ndarray):
        return values[keep]
    return [value for value, kept in zip(values, keep, strict=True) if kept]
