"""A sample of the rows of a stream, on which texts and targets are measured before a training."""

import numpy as np

from tfmtl.data.streams import Examples
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task

SAMPLE = 2000
"""The number of rows of a stream that are measured."""


def sampled(examples: Examples) -> Examples:
    """Returns at most `SAMPLE` rows, evenly spread over all of them."""
    return examples.take(np.unique(np.linspace(0, len(examples) - 1, SAMPLE).astype(int)))


def target_texts(task: Task, examples: Examples) -> list[str]:
    """Returns the texts that a task learns to write, of the rows that have one: of several texts, the first."""
    texts = (next(iter(kind_of(task).training_texts(target)), None) for target in examples.targets[task.name])
    return [text for text in texts if text is not None]
