"""The file of a model's answers to the rows of a split, with the true ones, by which runs are compared."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import RunError
from tfmtl.core.regular_files import parsed_json
from tfmtl.kinds.kind import Predictions, kind_of
from tfmtl.kinds.task import Task
from tfmtl.reports.task_result import TaskResult


@dataclass(frozen=True)
class Answers:
    """The answers to one task, on rows that all have a target.

    Attributes:
        texts: the texts as they were read, `[rows]`.
        targets: the targets, in the form of `tfmtl.metrics.metric`.
        predictions: the predictions, in the same form.
    """

    texts: list[str]
    targets: Predictions
    predictions: Predictions


def write_answers(path: Path, results: Iterable[TaskResult]) -> None:
    """Writes a JSON line for each row of a task that has a target: `task`, `text`, `target` and `prediction`.

    A target is the value in the data, such as a label, a number or a list of references; a prediction is the output of
    `tfmtl predict` for the task.
    """
    with atomic_write(path) as aside, open(aside, "w", encoding="utf-8") as file:
        for result in map(TaskResult.labelled, results):
            task, kind = result.task, kind_of(result.task)
            labels = kind.label_set(task)
            for row, (text, target) in enumerate(zip(result.texts, result.targets, strict=True)):
                prediction = kind.as_json(result.answer, row, labels, result.last_texts[row])
                line = {"task": task.name, "text": text, "target": kind.target_as_json(task, target)}
                file.write(json.dumps({**line, "prediction": prediction}) + "\n")


def read_answers(path: Path, tasks: Mapping[str, Task]) -> dict[str, Answers]:
    """Returns the answers written by `write_answers`, by task; a task without rows is left out.

    Raises:
        RunError: if the file is damaged.
    """
    rows: dict[str, list[dict]] = {}
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                row = parsed_json(line)
                rows.setdefault(row["task"], []).append(row)
        return {name: _answers(tasks[name], of_task) for name, of_task in rows.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: damaged ({type(error).__name__}: {error}); evaluate the run again") from None


def _answers(task: Task, rows: list[dict]) -> Answers:
    kind = kind_of(task)
    targets = kind.targets_from_json(task, [row["target"] for row in rows])
    predictions = kind.predictions(kind.from_json(task, [row["prediction"] for row in rows]))
    return Answers([row["text"] for row in rows], targets, predictions)
