"""A model's answers to one task on one split, and the rows that reports show."""

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
"""The number of rows of a task that a report shows."""

_TEXT_START = 300


@dataclass(frozen=True)
class TaskResult:
    """A model's answers to one task on one split.

    Attributes:
        task: the task, with its labels.
        texts: the texts as they were read, `[rows]`.
        targets: the true answers, in the form of `tfmtl.metrics.metric`, or absent.
        answer: the model's answers, arrays `[rows, ...]`.
        metrics: the result of `tfmtl.metrics.scoring.evaluate_task`.
        pairs: the second texts, `[rows]`; `None` if the task reads single texts.
    """

    task: Task
    texts: np.ndarray
    targets: np.ndarray
    answer: Answer
    metrics: Mapping[str, Any]
    pairs: np.ndarray | None = None

    @cached_property
    def predictions(self) -> Predictions:
        """The part of the answer that metrics read."""
        return kind_of(self.task).predictions(self.answer)

    @property
    def last_texts(self) -> np.ndarray:
        """The second texts, or the only ones, `[rows]`."""
        return self.texts if self.pairs is None else self.pairs

    def labelled(self) -> Self:
        """Returns the result without the rows that have no target."""
        keep = is_present(self.targets)
        answer = {suffix: values[keep] for suffix, values in self.answer.items()}
        pairs = None if self.pairs is None else self.pairs[keep]
        return replace(self, texts=self.texts[keep], pairs=pairs, targets=self.targets[keep], answer=answer)


def evenly_spread(rows: int) -> np.ndarray:
    """Returns a few evenly spread indices of `rows` rows, from the first to the last."""
    return np.unique(np.linspace(0, rows - 1, num=min(SAMPLES, rows)).round().astype(int))


def cells_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Returns the lines of a Markdown table that shows cells as they are, with long ones truncated."""
    return table(header, [[plain(cell, _TEXT_START) for cell in row] for row in rows])
