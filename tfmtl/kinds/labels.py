"""What kinds with a label set have in common: how a label is read, how a set is ordered, what a class weighs."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from tfmtl.core.errors import ConfigurationError, DataError, nearest
from tfmtl.data.rows import is_absent
from tfmtl.kinds.task import Task

Place = Callable[[int], str]
ClassWeights = Literal["balanced"] | dict[str, Annotated[float, Field(ge=0.0, allow_inf_nan=False)]] | None


def as_number(value: Any) -> float:
    """Returns a value as a number; NaN where it is none."""
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def as_label(value: Any) -> str | None:
    """Returns a label as it appears in data; `None` where it is missing.

    Raises:
        TypeError: where the value is no label.
    """
    if is_absent(value):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value).strip()
    raise TypeError(f"no label: {str(value)[:60]}")


def read_labels(task: Task, values: Iterable[Any], place: Place) -> Iterable[str | None]:
    """Yields the label of each row; `None` where there is none.

    Raises:
        DataError: for the first value that is no label.
    """
    for row, value in enumerate(values):
        try:
            yield as_label(value)
        except TypeError as error:
            raise DataError(f"{place(row)}: '{task.target_fields[0]}' of task '{task.name}' is {error}") from None


def label_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Returns labels that were found in data in their order: by value where all of them are numbers."""
    found = set(labels)
    if all(math.isfinite(as_number(label)) for label in found):
        return tuple(sorted(found, key=lambda label: (float(label), label)))
    return tuple(sorted(found))


def configured_labels(labels: Any) -> Any:
    """Returns a configured label set as texts: YAML reads `[0, 1]` as numbers and `[true, false]` as booleans."""
    if not isinstance(labels, list | tuple):
        return labels
    return tuple(str(label).lower() if isinstance(label, bool) else str(label).strip() for label in labels)


def distinct_labels(labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Returns a configured label set.

    Raises:
        ValueError: where a label is empty or appears twice.
    """
    twice = next((label for label in labels or () if labels.count(label) > 1), None)
    if twice is not None:
        raise ValueError(f"the label '{twice}' appears twice")
    if labels and "" in labels:
        raise ValueError("a label is empty")
    return labels


def check_class_weights(task: Task, labels: Sequence[str]) -> None:
    """Checks that the weights of classes name labels of the task.

    Raises:
        ConfigurationError: where they do not.
    """
    for label in task.class_weights if isinstance(task.class_weights, Mapping) else ():
        if label not in labels:
            place = f"tasks.{task.name}.class_weights"
            raise ConfigurationError(f"{place}: unknown label '{label}'; {nearest(label, labels)}")


def named_weights(labels: Iterable[str], weights: Mapping[str, float]) -> np.ndarray:
    """Returns the weight of each label, `[classes]`; 1 where it has none."""
    return np.array([weights.get(label, 1.0) for label in labels])
