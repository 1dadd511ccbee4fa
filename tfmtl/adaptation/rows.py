"""The rows from which a run learns a new task."""

import logging
from collections.abc import Mapping

import numpy as np

from tfmtl.config.adaptation import AdaptationOptions
from tfmtl.config.experiment import Experiment
from tfmtl.core.errors import DataError, UserError
from tfmtl.core.registry import SOURCES
from tfmtl.data.columns import is_present
from tfmtl.data.sources.source import Shots
from tfmtl.data.streams import Examples, Stream, load_streams
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task

_logger = logging.getLogger("tfmtl")


def load_adaptation_streams(experiment: Experiment, names: list[str]) -> tuple[list[Stream], dict[str, Task]]:
    """Reads the sources of the tasks that are to be learned: the rows to learn from, and other splits that they have.

    Args:
        experiment: the experiment of the adapted run.
        names: the names of these tasks.

    Returns:
        The streams, and the tasks with their label sets.
    """
    tasks = {name: experiment.tasks[name] for name in names}
    streams, resolved = [], {}
    for source in dict.fromkeys(task.source for task in tasks.values()):
        choice = experiment.sources[source]
        splits = [
            split
            for split in ("train", "validation", "test")
            if split == "train" or choice.options.cut or split in SOURCES.get(choice.name).build(choice.options).splits
        ]
        of_source = {name: task for name, task in tasks.items() if task.source == source}
        part = experiment.model_copy(update={"sources": {source: choice}, "tasks": of_source})
        found, with_labels = load_streams(part, splits)
        streams += found
        resolved |= with_labels
    return streams, {name: resolved[name] for name in names}


def given_rows(streams: list[Stream], tasks: Mapping[str, Task]) -> dict[str, Examples]:
    """Returns the rows with a target of each task, by its name; they have no targets of other tasks."""
    given = {}
    for stream in streams:
        examples = stream.splits["train"]
        for task in stream.tasks:
            rows = examples.take(np.flatnonzero(is_present(examples.targets[task.name])))
            given[task.name] = Examples(rows.text, rows.text_pair, {task.name: rows.targets[task.name]})
    return {name: given[name] for name in tasks}


def with_old_rows(base: Experiment, task: Task, rows: Examples, options: AdaptationOptions) -> Examples:
    """Adds rows with old labels to those of a task that is given new ones: from the run's own training split.

    They are as many of each label as `shots`, or, without it, at most as many as there are of the largest new label.
    Of a label that the given rows have, none are added.

    Args:
        base: the experiment of the run.
        task: the task with all its labels.
        rows: the rows that are given.
        options: the options of the method.

    Raises:
        DataError: if the run's rows cannot be read, and an old label has none among those that are given.
    """
    have = _counts(task, rows)
    old = kind_of(task).label_set(base.tasks[task.name])
    missing = [label for label in old if not have[label]]
    if not missing:
        return rows
    number = options.shots or max([1, *(count for label, count in have.items() if label not in old)])
    before = base.tasks[task.name]
    choice = base.sources[before.source]
    few = choice.options.model_copy(update={"shots": Shots(rows=number, seed=options.seed)})
    sources = {before.source: choice.model_copy(update={"options": few})}
    part = base.model_copy(update={"sources": sources, "tasks": {task.name: before}})
    try:
        (stream,), _ = load_streams(part, ("train",))
    except UserError as error:
        raise DataError(
            f"task '{task.name}': no row is given for its label '{missing[0]}', and those of the run cannot be read: "
            f"{error}"
        ) from None
    found = stream.splits["train"]
    strata = kind_of(task).strata(task, found.targets[task.name])
    found = found.take(np.flatnonzero(np.logical_or.reduce([strata[label] for label in missing])))
    _logger.info("task '%s': %d rows of its old labels are those of the run", task.name, len(found))
    pair = None if rows.text_pair is None else np.concatenate([rows.text_pair, found.text_pair])
    targets = {task.name: np.concatenate([rows.targets[task.name], found.targets[task.name]])}
    return Examples(np.concatenate([rows.text, found.text]), pair, targets)


def check_rows(task: Task, rows: Examples, options: AdaptationOptions) -> None:
    """Checks that each class of a task has rows: as many as `shots`, or at least one.

    Raises:
        DataError: if one has not.
    """
    counts = _counts(task, rows)
    what = f"task '{task.name}'"
    if len(rows) < len(counts) and options.shots is None:
        raise DataError(f"{what}: {len(rows)} rows for {len(counts)} labels; every label needs one or more")
    for label, count in counts.items():
        of_label = f"label '{label}' has" if label else "there are"
        if not count:
            raise DataError(f"{what}: {of_label} no row to learn from; add some, or leave the label out of its set")
        if options.shots is not None and count < options.shots:
            raise DataError(f"{what}: {options.shots} shots are asked for, but {of_label} only {count} rows")


def _counts(task: Task, rows: Examples) -> dict[str, int]:
    strata = kind_of(task).strata(task, rows.targets[task.name])
    return {label: int(members.sum()) for label, members in strata.items()}
