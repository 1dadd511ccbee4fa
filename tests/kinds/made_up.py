"""Rows of one column, as a source delivers them, and splits of a stream."""

import numpy as np

from tfmtl.data.rows import Rows
from tfmtl.data.streams import Examples
from tfmtl.kinds.kind import kind_of


def column_rows(field, values):
    return Rows({field: values}, lambda row: f"a.tsv:{row + 1}")


def encoded(task, values):
    """The targets that a column of values gives a task."""
    return kind_of(task).encode(task, column_rows(task.target_fields[0], values))


def objects(values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def examples(task, texts, targets, pairs=None):
    """A split of a stream of one task."""
    return Examples(objects(texts), None if pairs is None else objects(pairs), {task.name: targets})


def predicted(task, train, asked):
    """What the metrics read of the answers of the baselines, by their names."""
    kind = kind_of(task)
    return {name: kind.predictions(answer) for name, answer in kind.baselines(task, train, asked).items()}
