"""What a model answered to one task on one split, and how reports show rows of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from tfmtl.core.markdown import plain, table
from tfmtl.data.columns import is_present
from tfmtl.kinds.kind import Answer, Predictions, kind_of
from tfmtl.kinds.task import Task

SAMPLES = 5
"""Rows of a task that a report shows."""

_TEXT_START = 300


@dataclass(frozen=True)
class TaskResult:
    """What a model answered to one task on one split.

    Attributes:
        task: the task, its labels known.
        texts: the texts as they were read, `[rows]`.
        targets: the true answers, as in `tfmtl.metrics.metric`, or absent.
        answer: the model's, arrays `[rows, ...]`.
        metrics: what `tfmtl.metrics.scoring.evaluate_task` returned.
    """

    task: Task
    texts: np.ndarray
    targets: np.ndarray
    answer: Answer
    metrics: Mapping[str, Any]

    @cached_property
    def predictions(self) -> Predictions:
        """What metrics read of the answer."""
        return kind_of(self.task).predictions(self.answer)

    def labelled(self) -> Self:
        """Returns the result without the rows that have no target."""
        keep = is_present(self.targets)
        answer = {suffix: values[keep] for suffix, values in self.answer.items()}
        return replace(self, texts=self.texts[keep], targets=self.targets[keep], answer=answer)


def evenly_spread(rows: int) -> np.ndarray:
    """Returns a few of so many rows, from the first to the last."""
    return np.unique(np.linspace(0, rows - 1, num=min(SAMPLES, rows)).round().astype(int))


def cells_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Returns the lines of a Markdown table that shows cells as they are, long ones without their end."""
    return table(header, [[plain(cell, _TEXT_START) for cell in row] for row in rows])
