"""Targets: from the values of a column to the array that a kind of task learns from."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from tfmtl.core.errors import DataError, nearest
from tfmtl.data.rows import Rows
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.denoising.options import Denoising
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.kinds.task import Task

Place = Callable[[int], str]

_LARGEST = float(np.finfo(np.float32).max)


@singledispatch
def encode_targets(task: Task, values: Sequence[Any], place: Place) -> np.ndarray:
    """Returns the targets `[rows]` of one task; an empty string or `None` is an absent target.

    Args:
        task: a classification has its label set.
        values: the column, as a source delivers it.
        place: of each row, for error messages.

    Returns:
        int32 positions in the label set, -1 where absent; float32 numbers, NaN where absent; or an object array of
        tuples of reference summaries, empty where absent.

    Raises:
        DataError: for the first value that the task cannot learn from.
    """
    raise TypeError(f"{type(task).__name__} has no targets")


@encode_targets.register
def _(task: Classification, values: Sequence[Any], place: Place) -> np.ndarray:
    positions = {label: position for position, label in enumerate(task.labels)}
    positions[None] = -1
    targets = np.empty(len(values), np.int32)
    for row, label in enumerate(_labels(task, values, place)):
        if label not in positions:
            raise DataError(f"{place(row)}: task '{task.name}' has no label '{label}'; {nearest(label, task.labels)}")
        targets[row] = positions[label]
    return targets


@encode_targets.register
def _(task: Regression, values: Sequence[Any], place: Place) -> np.ndarray:
    targets = np.full(len(values), np.nan, np.float32)
    for row, value in enumerate(values):
        if is_absent(value):
            continue
        number = _number(value)
        if not abs(number) <= _LARGEST:
            raise DataError(f"{place(row)}: '{task.target}' of task '{task.name}' is no finite number: {value!r}")
        targets[row] = number
    return targets


@encode_targets.register
def _(task: Summarization, values: Sequence[Any], place: Place) -> np.ndarray:
    targets = np.empty(len(values), object)
    for row, value in enumerate(values):
        references = value if isinstance(value, list) else [value]
        targets[row] = tuple(reference for reference in references if not is_absent(reference))
        if not all(isinstance(reference, str) for reference in targets[row]):
            raise DataError(f"{place(row)}: '{task.target}' of task '{task.name}' is no text: {str(value)[:60]}")
    return targets


@encode_targets.register
def _(task: Denoising, values: Sequence[Any], place: Place) -> np.ndarray:
    # Every text has its own pieces to learn from.
    return np.zeros(len(values), np.int32)


def has_target(targets: np.ndarray | Sequence[Sequence[str]]) -> np.ndarray:
    """Returns the bool mask `[rows]` of the rows whose target is not absent, whatever the kind of task.

    Args:
        targets: as `encode_targets` returns them; references may be any sequence of sequences.
    """
    if isinstance(targets, np.ndarray) and targets.dtype.kind == "i":
        return targets >= 0
    if isinstance(targets, np.ndarray) and targets.dtype.kind == "f":
        return ~np.isnan(targets)
    return np.fromiter(map(bool, targets), bool, len(targets))


@singledispatch
def with_labels(task: Task, train: Rows | None) -> Task:
    """Returns the task with its label set, where its kind has one: as given, or as found in train.

    Labels that are found are sorted; by value where all of them are numbers.

    Args:
        task: any task.
        train: its rows of train; needed only where `needs_train(task)`.

    Raises:
        DataError: where a classification has fewer than two labels.
    """
    return task


@with_labels.register
def _(task: Classification, train: Rows | None) -> Task:
    labels = task.labels
    if labels is None:
        found = set(_labels(task, train.columns[task.target], train.place)) - {None}
        labels = tuple(sorted(found, key=_numeric_order if all(map(_is_number, found)) else None))
    if len(labels) < 2:
        listed = ", ".join(f"'{label}'" for label in labels) or "none"
        raise DataError(
            f"task '{task.name}': a classification needs two labels or more, found in '{task.target}': {listed}"
        )
    return task.model_copy(update={"labels": labels})


def needs_train(task: Task) -> bool:
    """Whether something of the task itself is taken from its rows of train."""
    return isinstance(task, Classification) and task.labels is None


def is_absent(value: Any) -> bool:
    """Whether a value is missing: `None`, or a string of nothing but white space."""
    return value is None or (isinstance(value, str) and not value.strip())


def _labels(task: Task, values: Iterable[Any], place: Place) -> Iterable[str | None]:
    for row, value in enumerate(values):
        if isinstance(value, str):
            yield value.strip() or None
        elif value is None:
            yield None
        elif isinstance(value, bool):
            yield str(value).lower()
        elif isinstance(value, int | float):
            yield str(value)
        else:
            raise DataError(f"{place(row)}: '{task.target}' of task '{task.name}' is no label: {str(value)[:60]}")


def _number(value: Any) -> float:
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _is_number(label: str) -> bool:
    return math.isfinite(_number(label))


def _numeric_order(label: str) -> tuple[float, str]:
    return float(label), label
