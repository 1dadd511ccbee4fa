"""References for compared runs: simple baselines, and the scores without rows that were seen in training."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tfmtl.core.errors import RunError
from tfmtl.data.columns import is_present
from tfmtl.data.streams import Examples, load_streams
from tfmtl.kinds.kind import Predictions, kind_of
from tfmtl.kinds.task import Task, answered
from tfmtl.metrics.scoring import quick_scores
from tfmtl.reports.answers import Answers
from tfmtl.reports.comparison.compared_run import ComparedRun
from tfmtl.reports.comparison.systems import System
from tfmtl.reports.linear_baselines import joined

Scores = dict[str, float]
"""The metrics of a task."""


@dataclass(frozen=True)
class Reference:
    """The reference of a comparison.

    Attributes:
        baselines: the metrics of each baseline by its name and the task's; a baseline may lack some tasks.
        seen_rows: for each task, the number of rows of the split whose text is also in the training or validation
            split.
        unseen: the primary metric without those rows, by the name of a system or baseline and by task; empty if there
            are no such rows.
        answers: the answers of each baseline to the rows of each task, `[rows, ...]`.
    """

    baselines: dict[str, dict[str, Scores]]
    seen_rows: dict[str, int]
    unseen: dict[str, dict[str, float]]
    answers: dict[str, dict[str, Predictions]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class _Asked:
    """A task's rows of the training split and of the split that is scored, all with a target.

    Attributes:
        task: the task, with its labels.
        train: the rows of the training split.
        rows: the rows of the split that is scored.
        seen: bool `[rows]`, whether a text of the training or validation split is the same except for white space.
    """

    task: Task
    train: Examples
    rows: Examples
    seen: np.ndarray

    @property
    def targets(self) -> Predictions:
        return self.rows.targets[self.task.name]

    def without_seen(self, predictions: Predictions) -> Scores:
        keep = np.flatnonzero(~self.seen)
        kept = predictions[keep] if isinstance(predictions, np.ndarray) else [predictions[row] for row in keep]
        return quick_scores(self.task, self.targets[keep], kept)


def reference_of(systems: Sequence[System], split: str) -> Reference:
    """Reads the data of the compared tasks, as the first run of each has split them, and scores the baselines.

    Raises:
        UserError: if the data is missing, or its rows are not those that were evaluated.
    """
    asked = _asked_of(systems, split)
    answers: dict[str, dict[str, Predictions]] = {}
    for name, of_task in asked.items():
        kind = kind_of(of_task.task)
        for baseline, answer in kind.baselines(of_task.task, of_task.train, of_task.rows).items():
            answers.setdefault(baseline, {})[name] = kind.predictions(answer)
    for baseline, of_tasks in _pooled(asked).items():
        answers[baseline] = of_tasks
    baselines = {
        baseline: {name: quick_scores(asked[name].task, asked[name].targets, found) for name, found in of_tasks.items()}
        for baseline, of_tasks in answers.items()
    }
    seen_rows = {name: int(of_task.seen.sum()) for name, of_task in asked.items()}
    unseen = _unseen(asked, systems, answers) if any(seen_rows.values()) else {}
    return Reference(baselines, seen_rows, unseen, answers)


def _asked_of(systems: Iterable[System], split: str) -> dict[str, _Asked]:
    asked: dict[str, _Asked] = {}
    for run in (run for system in systems for run in system.members):
        missing = [name for name in run.tasks if name not in asked]
        if missing:
            asked |= _read(run, missing, split)
    return asked


def _read(run: ComparedRun, names: Sequence[str], split: str) -> dict[str, _Asked]:
    tasks = {name: task for name, task in answered(run.experiment.tasks).items() if name in names}
    experiment = run.experiment.model_copy(update={"tasks": tasks})
    streams, _ = load_streams(experiment, dict.fromkeys(["train", "validation", split]))
    found = {}
    for stream in streams:
        known = {text for name in {"train", "validation"} - {split} for text in joined(stream.splits[name])}
        for task in stream.tasks:
            train, rows = (_with_target(task, stream.splits[name]) for name in ("train", split))
            _check_same(run, task.name, run.answers[task.name], rows)
            found[task.name] = _Asked(task, train, rows, np.array([text in known for text in joined(rows)]))
    return found


def _with_target(task: Task, examples: Examples) -> Examples:
    return examples.take(is_present(examples.targets[task.name]))


def _check_same(run: ComparedRun, task: str, answers: Answers, rows: Examples) -> None:
    if answers.texts != list(rows.text):
        raise RunError(f"{run.path}: task '{task}' has other rows than when the run was evaluated; evaluate it again")


def _pooled(asked: Mapping[str, _Asked]) -> dict[str, dict[str, Predictions]]:
    """Returns the predictions of systems that learn from several tasks with the same labels, by system and task."""
    groups: dict[Hashable, dict[str, _Asked]] = {}
    for name, of_task in asked.items():
        key = kind_of(of_task.task).common_head_key(of_task.task)
        if key is not None:
            groups.setdefault(key, {})[name] = of_task
    found: dict[str, dict[str, Predictions]] = {}
    for group in groups.values():
        kind = kind_of(next(iter(group.values())).task)
        domains = {name: (of_task.task, of_task.train, of_task.rows) for name, of_task in group.items()}
        for system, of_tasks in kind.pooled_baselines(domains).items():
            found.setdefault(system, {}).update({name: kind.predictions(each) for name, each in of_tasks.items()})
    return found


def _unseen(asked: Mapping[str, _Asked], systems: Iterable[System], answers: Mapping[str, Mapping[str, Predictions]]):
    """Returns the primary metric without seen rows, as the mean over a system's trainings, by name and task."""
    given = {
        system.name: {name: [run.answers[name].predictions for run in runs] for name, runs in system.runs.items()}
        for system in systems
    }
    given |= {name: {task: [found] for task, found in of_tasks.items()} for name, of_tasks in answers.items()}
    return {
        name: {
            task: float(np.mean([asked[task].without_seen(found)[asked[task].task.primary] for found in trainings]))
            for task, trainings in of_tasks.items()
            if not asked[task].seen.all()
        }
        for name, of_tasks in given.items()
    }
