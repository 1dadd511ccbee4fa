"""Turns the values of a field into rows of zeros and ones, with one number per label."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tfmtl.core.errors import DataError, nearest
from tfmtl.core.values import is_absent
from tfmtl.data.rows import Rows
from tfmtl.kinds.labels import as_label, label_order, named, positions_of, warn_of_lookalikes
from tfmtl.kinds.multi_label.options import MultiLabel


def inferred_label_set(task: MultiLabel, train: Rows) -> tuple[str, ...]:
    """Returns the labels of the training rows, in sorted order.

    Raises:
        DataError: if no row has a label, or if a value is not made of labels.
    """
    found = label_order(label for labels in _labels(task, train) for label in labels or ())
    if not found:
        raise DataError(f"task '{task.name}': no row of the training split has a label in '{task.labels}'")
    warn_of_lookalikes(task, found)
    return found


def encoded(task: MultiLabel, rows: Rows) -> np.ndarray:
    """Returns whether each row has each label, int32 `[rows, classes]`: 1 or 0, and all -1 if the row has no target.

    Raises:
        DataError: if a value is not made of labels, or has a label that is not in the set; names the first one.
    """
    position_of = positions_of(task.label_set)
    targets = np.full((len(rows), len(task.label_set)), -1, np.int32)
    for row, labels in enumerate(_labels(task, rows)):
        if labels is None:
            continue
        targets[row] = 0
        for label in labels:
            position = position_of(label)
            if position is None:
                known = nearest(label, task.label_set)
                raise DataError(f"{rows.place(row)}: task '{task.name}' has no label '{label}'; {known}")
            targets[row, position] = 1
    return targets


def _labels(task: MultiLabel, rows: Rows) -> Iterator[Sequence[str] | None]:
    """Yields the labels of each row; `None` if it has no target."""
    for row, value in enumerate(rows.columns[task.labels]):
        if is_absent(value):
            yield None
            continue
        try:
            found = (named(as_label(part), task.names) for part in _parts(value, task.separator))
            yield [label for label in found if label is not None]
        except TypeError:
            place, shown = rows.place(row), str(value)[:60]
            raise DataError(
                f"{place}: '{task.labels}' of task '{task.name}' is not a list of labels: {shown}"
            ) from None


def _parts(value: Any, separator: str) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    return value.split(separator) if isinstance(value, str) else [value]
