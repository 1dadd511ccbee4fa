"""Runs as they are compared: what they were asked, what they answered, what they cost."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmtl.config import Experiment
from tfmtl.errors import RunError
from tfmtl.evaluation.answers import Answers, read_answers
from tfmtl.evaluation.comparison.cost import TrainingCost, milliseconds_per_text, parameters, training_cost
from tfmtl.evaluation.metric import Rows
from tfmtl.training.run_folder import RunFolder

_TIMED_TEXTS = 33

Evaluate = Callable[[RunFolder, str], Any]
"""Evaluates a run on a split, and writes what it finds into the run."""


@dataclass(frozen=True)
class ComparedRun:
    """A run with its evaluation.

    Attributes:
        path: its folder, as it was given.
        experiment: as resolved.
        metrics: of each task, as in `evaluation_<split>.json`.
        answers: to each task.
        parameters: of its model.
        training: what it cost.
        milliseconds: to answer all its tasks about one text.
    """

    path: str
    experiment: Experiment
    metrics: Mapping[str, Mapping[str, Any]]
    answers: Mapping[str, Answers]
    parameters: int
    training: TrainingCost
    milliseconds: float

    @property
    def tasks(self) -> list[str]:
        """Those that have an answer."""
        return list(self.answers)

    @property
    def rows_read(self) -> int:
        """Rows that its training has read, again and again."""
        return self.training.updates * self.experiment.training.batch_size


def load_run(run: RunFolder, split: str, evaluate: Evaluate) -> ComparedRun:
    """Returns a run with its evaluation, which is made where there is none of its present model."""
    if not _is_evaluated(run, split):
        evaluate(run, split)
    experiment, metrics = run.experiment(), run.measured(split)
    answers = read_answers(run.answers(split), experiment.tasks)
    if not answers:
        raise RunError(f"{run.path}: no row of {split} has a target of its tasks")
    texts = [text for of_task in answers.values() for text in of_task.texts][:_TIMED_TEXTS]
    return ComparedRun(
        str(run.path),
        experiment,
        metrics,
        answers,
        parameters(run.best_model),
        training_cost(run),
        milliseconds_per_text(run.reader(), texts),
    )


def _is_evaluated(run: RunFolder, split: str) -> bool:
    """Whether there are metrics and answers, and no better model has been kept since they were written."""
    written = [path for path in (run.evaluation(split), run.answers(split)) if path.is_file()]
    kept = run.best_model.stat().st_mtime if run.best_model.is_file() else 0.0
    return len(written) == 2 and all(path.stat().st_mtime >= kept for path in written)


def check_comparable(runs: Sequence[ComparedRun]) -> None:
    """Raises `RunError` where a task of two runs has other data or other rows."""
    first: dict[str, ComparedRun] = {}
    for run in runs:
        for task in run.tasks:
            reference = first.setdefault(task, run)
            difference = _difference(task, reference, run)
            if difference:
                raise RunError(
                    f"{run.path}: task '{task}' {difference} than in {reference.path}; they cannot be compared"
                )
    if len(first) == sum(len(run.tasks) for run in runs):
        raise RunError(f"no task stands in two of the runs, so nothing can be compared; tasks: {', '.join(first)}")


def _difference(task: str, *runs: ComparedRun) -> str:
    tasks = [run.experiment.tasks[task] for run in runs]
    sources = [run.experiment.as_mapping()["sources"][of.source] for run, of in zip(runs, tasks, strict=True)]
    answers = [run.answers[task] for run in runs]
    if tasks[0].kind != tasks[1].kind or tasks[0].as_mapping().get("labels") != tasks[1].as_mapping().get("labels"):
        return "is of another kind, or has other labels"
    if sources[0] != sources[1]:
        return "reads another source"
    if answers[0].texts != answers[1].texts or not _same(answers[0].targets, answers[1].targets):
        return "was evaluated on other rows"
    return ""


def _same(first: Rows, second: Rows) -> bool:
    return len(first) == len(second) and bool(np.all([a == b for a, b in zip(first, second, strict=True)]))


def unequal_budgets(runs: Iterable[ComparedRun]) -> list[str]:
    """Returns a sentence for each task whose runs have read numbers of its rows that differ by more than a tenth.

    Of a run with several sources or stages it is known how many rows it has read, not for which; it is left out.
    """
    sentences = []
    by_task: dict[str, dict[str, int]] = {}
    for run in runs:
        sources = {task.source for task in run.experiment.tasks.values()}
        if len(sources) == len(run.experiment.stages) == 1:
            for task in run.tasks:
                by_task.setdefault(task, {})[run.path] = run.rows_read
    for task, rows in by_task.items():
        if max(rows.values()) > 1.1 * min(rows.values()):
            listed = ", ".join(f"{path} {count}" for path, count in rows.items())
            sentences.append(f"The budgets of '{task}' differ; rows read in training: {listed}.")
    return sentences
