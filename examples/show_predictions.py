"""Prints what a run's model answers to a few rows of test, beside what is true.

python examples/show_predictions.py RUN [ROWS]
"""

import sys
from functools import singledispatch
from typing import Any

import numpy as np

from tfmtl.core.errors import UserError
from tfmtl.data.streams import Stream, load_streams
from tfmtl.generation.batch_reader import BatchReader
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.kinds.task import Task
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.loading import load_reader
from tfmtl.runs.run_folder import RunFolder

TEXT_START = 300


@singledispatch
def shown(task: Task, target: Any, answer: Any) -> list[str]:
    """Returns the lines that compare a task's answer to one row with its target."""
    raise TypeError(f"nothing to show of {type(task).__name__}")


@shown.register
def _(task: Classification, target: int, answer: np.ndarray) -> list[str]:
    best = int(np.argmax(answer))
    true = task.labels[target] if target >= 0 else "unknown"
    return [f"{task.name}: {task.labels[best]} ({answer[best]:.0%})", f"  true: {true}"]


@shown.register
def _(task: Regression, target: float, answer: float) -> list[str]:
    return [f"{task.name}: {answer:.2f}", f"  true: {target:.2f}"]


@shown.register
def _(task: Summarization, target: tuple[str, ...], answer: str) -> list[str]:
    return [f"{task.name}: {answer}", f"  true: {target[0] if target else 'unknown'}"]


def show(stream: Stream, answering: BatchReader, count: int) -> None:
    """Prints some rows of a stream's test, evenly spread, with the answers of all its tasks."""
    test = stream.splits["test"]
    chosen = np.unique(np.linspace(0, len(test) - 1, num=min(count, len(test))).astype(int))
    examples = test.take(chosen)
    answers = answering.answer([task.name for task in stream.tasks], answering.tokenize(examples))
    for row, text in enumerate(examples.text):
        start = " ".join(text.split())[:TEXT_START]
        print(f"\n{stream.name}: {start}{'...' if len(text) > TEXT_START else ''}")
        for task in stream.tasks:
            predicted = kind_of(task).predictions(answers[task.name])[row]
            print(*shown(task, examples.targets[task.name][row], predicted), sep="\n")


def main(folder: str, count: int = 5) -> None:
    """Shows `count` rows of each stream of the run in `folder`."""
    run = RunFolder.open(folder)
    experiment = experiment_of(run)
    streams, _ = load_streams(experiment, ("test",))
    answering = BatchReader(load_reader(run), experiment.evaluation.batch_size)
    for stream in streams:
        show(stream, answering, count)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        main(sys.argv[1], *map(int, sys.argv[2:]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
