"""Runs for a comparison: their tasks, their answers and their costs."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmtl.config.experiment import Experiment
from tfmtl.core.errors import RunError
from tfmtl.kinds.kind import kind_of
from tfmtl.metrics.metric import Rows
from tfmtl.reports.answers import Answers, read_answers
from tfmtl.reports.comparison.cost import TrainingCost, milliseconds_per_text, parameters, training_cost
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.loading import load_reader, read_evaluation
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.progress import Progress

_TIMED_TEXTS = 33


@dataclass(frozen=True)
class ComparedRun:
    """A run with its evaluation.

    Attributes:
        path: its folder, as it was given.
        experiment: the resolved experiment.
        metrics: the metrics of each task, as in `evaluation_<split>.json`.
        answers: the answers to each task.
        parameters: the number of parameters of its model.
        training: the cost of its training.
        milliseconds: the time to answer all its tasks about one text.
        epochs: the number of epochs of its last stage up to its checkpoint; `None` if the training has ended.
    """

    path: str
    experiment: Experiment
    metrics: Mapping[str, Mapping[str, Any]]
    answers: Mapping[str, Answers]
    parameters: int
    training: TrainingCost
    milliseconds: float
    epochs: int | None = None

    @property
    def tasks(self) -> list[str]:
        """The tasks that have answers."""
        return list(self.answers)

    @property
    def rows_read(self) -> int:
        """The number of rows that its training has read, counting repetitions."""
        return self.training.updates * self.experiment.training.batch_size


def load_runs(runs: Sequence[RunFolder], split: str) -> list[ComparedRun]:
    """Returns runs with their evaluations; all runs answer the same texts while they are timed."""
    answers = [_answers(run, split) for run in runs]
    texts = timed_texts(answers)
    return [_compared(run, split, of_run, texts) for run, of_run in zip(runs, answers, strict=True)]


def timed_texts(answers: Iterable[Mapping[str, Answers]]) -> list[str]:
    """Returns some of the texts, from each task in turn, because texts of some tasks are longer than those of others.

    Args:
        answers: the answers of each run, by task.
    """
    of_tasks: dict[str, Sequence[str]] = {}
    for of_run in answers:
        for task, of_task in of_run.items():
            of_tasks.setdefault(task, of_task.texts)
    in_turn = (text for texts in itertools.zip_longest(*of_tasks.values()) for text in texts if text is not None)
    return list(itertools.islice(dict.fromkeys(in_turn), _TIMED_TEXTS))


def _answers(run: RunFolder, split: str) -> dict[str, Answers]:
    answers = read_answers(run.answers(split), experiment_of(run).tasks)
    if not answers:
        raise RunError(f"{run.path}: no row of {split} has a target of its tasks")
    return answers


def _compared(run: RunFolder, split: str, answers: Mapping[str, Answers], texts: Sequence[str]) -> ComparedRun:
    experiment = experiment_of(run)
    return ComparedRun(
        str(run.path),
        experiment,
        read_evaluation(run, split),
        answers,
        parameters(run.best_model),
        training_cost(run),
        milliseconds_per_text(load_reader(run), texts),
        _epochs_so_far(run, experiment),
    )


def _epochs_so_far(run: RunFolder, experiment: Experiment) -> int | None:
    checkpoint = Checkpoints(run.checkpoints).latest()
    if checkpoint is None:
        return None
    progress = Progress.of(checkpoint.state, run.checkpoints)
    if progress.updates_per_epoch < 1:
        raise RunError(f"{run.checkpoints}: damaged: an epoch has {progress.updates_per_epoch} updates")
    return None if progress.finished or progress.epoch >= experiment.stages[-1].epochs else progress.epoch


def unfinished(runs: Iterable[ComparedRun]) -> list[str]:
    """Returns a sentence for each run whose training was interrupted."""
    return [
        f"The training of {run.path} is not finished: {run.epochs} of {run.experiment.stages[-1].epochs} epochs."
        for run in runs
        if run.epochs is not None
    ]


def is_evaluated(run: RunFolder, split: str) -> bool:
    """Whether there are metrics and answers that are newer than the best model and the configuration."""
    written = [path for path in (run.evaluation(split), run.answers(split)) if path.is_file()]
    changed = [path.stat().st_mtime for path in (run.best_model, run.config) if path.is_file()]
    return len(written) == 2 and all(path.stat().st_mtime >= max(changed, default=0.0) for path in written)


def check_comparable(runs: Sequence[ComparedRun]) -> None:
    """Raises `RunError` if a task has different data or different rows in two runs."""
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
        raise RunError(f"no task is in two of the runs, so nothing can be compared; tasks: {', '.join(first)}")


def check_same_data(experiments: Mapping[str, Experiment]) -> None:
    """Checks that experiments have the same tasks on the same sources, as far as this is known before training.

    Args:
        experiments: the experiments, by the names used in messages.

    Raises:
        RunError: if a task is of different kinds, or reads different sources, in two experiments.
    """
    first: dict[str, str] = {}
    for name, experiment in experiments.items():
        for task in experiment.tasks:
            reference = first.setdefault(task, name)
            difference = _declared_difference(task, experiments[reference], experiment)
            if difference:
                raise RunError(f"{name}: task '{task}' {difference} than in {reference}; they cannot be compared")


def _declared_difference(task: str, *experiments: Experiment) -> str:
    tasks = [experiment.tasks[task] for experiment in experiments]
    sources = [experiment.as_mapping()["sources"][of.source] for experiment, of in zip(experiments, tasks, strict=True)]
    # Labels that are not declared come from the training split; a run's own configuration names them.
    labels = {labels for task in tasks if (labels := kind_of(task).label_set(task))}
    if tasks[0].kind != tasks[1].kind or len(labels) > 1:
        return "is of another kind, or has other labels"
    if len({(task.primary, frozenset(task.all_metrics)) for task in tasks}) > 1:
        return "has other metrics, or another primary one,"
    return "reads another source" if sources[0] != sources[1] else ""


def _difference(task: str, *runs: ComparedRun) -> str:
    answers = [run.answers[task] for run in runs]
    declared = _declared_difference(task, *(run.experiment for run in runs))
    if declared:
        return declared
    if answers[0].texts != answers[1].texts or not _same(answers[0].targets, answers[1].targets):
        return "was evaluated on other rows"
    return ""


def _same(first: Rows, second: Rows) -> bool:
    return len(first) == len(second) and bool(
        np.all([np.array_equal(a, b) for a, b in zip(first, second, strict=True)])
    )
