"""A model's answers to the rows of a split beside the true ones, in a file: what runs are compared by."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import RunError
from tfmtl.core.round_trip_float import round_trip_float
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.kinds.task import Task
from tfmtl.metrics.metric import Rows
from tfmtl.metrics.scoring import TaskResult


@dataclass(frozen=True)
class Answers:
    """To one task, on rows that all have a target.

    Attributes:
        texts: as they were read, `[rows]`.
        targets: as in `tfmtl.metrics.metric`.
        predictions: likewise.
    """

    texts: list[str]
    targets: Rows
    predictions: Rows


def write_answers(path: Path, results: Iterable[TaskResult]) -> None:
    """Writes a JSON line for each row of a task that has a target: `task`, `text`, `target` and `prediction`.

    A target is a label, a number or a list of reference summaries; a prediction is what `tfmtl predict` says of the
    task.
    """
    with atomic_write(path) as aside, open(aside, "w", encoding="utf-8") as file:
        for result in map(TaskResult.labelled, results):
            lines = _lines(result.task)
            for text, target, prediction in zip(result.texts, result.targets, result.predictions, strict=True):
                line = {"task": result.task.name, "text": text, **lines.written(target, prediction)}
                file.write(json.dumps(line) + "\n")


def read_answers(path: Path, tasks: Mapping[str, Task]) -> dict[str, Answers]:
    """Returns the answers that `write_answers` wrote, by task; a task without a row is left out.

    Raises:
        RunError: where the file is damaged.
    """
    rows: dict[str, list[dict]] = {}
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                rows.setdefault(row["task"], []).append(row)
        return {name: _answers(tasks[name], of_task) for name, of_task in rows.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: damaged ({type(error).__name__}: {error}); evaluate the run again") from None


def _answers(task: Task, rows: list[dict]) -> Answers:
    lines = _lines(task)
    targets = lines.targets([row["target"] for row in rows])
    return Answers([row["text"] for row in rows], targets, lines.predictions([row["prediction"] for row in rows]))


@dataclass(frozen=True)
class _Lines:
    """How the rows of a task kind are written and read.

    Attributes:
        written: from a row's target and prediction to `target` and `prediction` in JSON.
        targets: from those of all rows back.
        predictions: likewise.
    """

    written: Callable[[Any, Any], dict[str, Any]]
    targets: Callable[[list], Rows]
    predictions: Callable[[list], Rows]


@singledispatch
def _lines(task: Task) -> _Lines:
    raise TypeError(f"no lines for {type(task).__name__}")


@_lines.register
def _(task: Classification) -> _Lines:
    labels = task.labels

    def written(target, probabilities):
        by_label = dict(zip(labels, map(round_trip_float, probabilities), strict=True))
        return {
            "target": labels[target],
            "prediction": {"label": labels[int(np.argmax(probabilities))], "probabilities": by_label},
        }

    return _Lines(
        written,
        lambda targets: np.array([labels.index(target) for target in targets], np.int32),
        lambda found: np.array([[row["probabilities"][label] for label in labels] for row in found], np.float32),
    )


@_lines.register
def _(task: Regression) -> _Lines:
    return _Lines(
        lambda target, score: {"target": round_trip_float(target), "prediction": {"score": round_trip_float(score)}},
        lambda targets: np.array(targets, np.float32),
        lambda found: np.array([row["score"] for row in found], np.float32),
    )


@_lines.register
def _(task: Summarization) -> _Lines:
    return _Lines(
        lambda references, summary: {"target": list(references), "prediction": {"summary": summary}},
        lambda targets: [tuple(references) for references in targets],
        lambda found: [row["summary"] for row in found],
    )
