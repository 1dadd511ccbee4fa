"""Streams: the rows of a source, together with all tasks that read the same text of those rows."""

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmtl.config.experiment import Experiment
from tfmtl.core.errors import DataError, MissingColumnError, nearest, quoted
from tfmtl.core.registry import SOURCES
from tfmtl.core.values import is_absent
from tfmtl.data.columns import is_present
from tfmtl.data.missing import without_missing
from tfmtl.data.rows import Rows, joined
from tfmtl.data.shots import drawn_rows, without_others
from tfmtl.data.sources.source import Shots
from tfmtl.data.splits import limited, missing_splits, read_splits
from tfmtl.data.texts import text_of_fields
from tfmtl.data.units import Units
from tfmtl.data.units_by_task import units_by_task
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task, field_names

_logger = logging.getLogger("tfmtl")


@dataclass(frozen=True)
class Examples:
    """One split of a stream.

    Attributes:
        text: the texts, an object array of strings `[rows]`.
        text_pair: the second texts, an object array of strings `[rows]`; `None` if the stream reads single texts.
        targets: the array of targets of each task, `[rows, ...]`; see `tfmtl.data.columns`.
        digests: what `tfmtl.data.digests` has found for rows that are read from files; `None` for rows in memory. Such
            rows have sequences of `tfmtl.data.stored.arrays` in the place of object arrays.
    """

    text: np.ndarray
    text_pair: np.ndarray | None
    targets: dict[str, np.ndarray]
    digests: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.text)

    def take(self, indices: np.ndarray) -> "Examples":
        """Returns the rows that `indices` select; they are integers or booleans."""
        pair = None if self.text_pair is None else self.text_pair[indices]
        return Examples(self.text[indices], pair, {task: values[indices] for task, values in self.targets.items()})


@dataclass(frozen=True)
class Stream:
    """The tasks that read the same text of the same source, with their examples.

    Attributes:
        name: the name of the source; followed by the fields of the text if several streams share the source.
        tasks: the tasks, with their label sets filled in.
        splits: the examples of each split, by the name of the split.
        cut: the names of the splits that the source does not have and that are cut from its training split.
    """

    name: str
    tasks: tuple[Task, ...]
    splits: dict[str, Examples]
    cut: tuple[str, ...] = ()

    @property
    def units(self) -> Units | None:
        """The units by which its texts are read; `None` if they are read as a whole."""
        return units_by_task(self.tasks)[self.tasks[0].name]


def load_streams(
    experiment: Experiment, splits: Sequence[str] = ("train", "validation", "test")
) -> tuple[list[Stream], dict[str, Task]]:
    """Reads the data of an experiment.

    Rows without a target of any task of their stream are left out. The training split is read even if it is not
    requested when a label set has to be inferred from it.

    Returns:
        The streams, in the order of their first tasks, and the experiment's tasks, with label sets filled in.

    Raises:
        DataError: if the data cannot be used; one line.
    """
    streams: list[Stream] = []
    for name, tasks in grouped(experiment.tasks.values(), lambda task: task.source).items():
        choice = experiment.sources[name]
        fields = fields_of(tasks)
        source = SOURCES.get(choice.name).build(choice.options)
        # Labels come from all rows of the source's own training split, including those that are cut for other splits.
        whole = ["train", *missing_splits(source)] if any(kind_of(task).needs_train(task) for task in tasks) else []
        with naming_keys(tasks):
            rows = read_splits(source, name, dict.fromkeys([*whole, *splits]), fields, experiment.training.seed)
        rows = without_missing(rows, choice.options.missing, name)
        train = joined([rows[split] for split in whole]) if whole else None
        tasks = [kind_of(task).resolved(task, train) for task in tasks]
        rows = _limited(rows, choice.options.limit or {}, name, (*source.splits, *missing_splits(source)))
        for stream_name, members in by_reading(name, tasks).items():
            examples = {
                split: _examples(stream_name, split, members, rows[split], choice.options.empty_text)
                for split in splits
            }
            if choice.options.shots and "train" in examples:
                examples["train"] = _few(stream_name, members, examples["train"], choice.options.shots)
            streams.append(Stream(stream_name, tuple(members), examples, missing_splits(source)))
    return in_order(streams, experiment.tasks)


def in_order(streams: Iterable[Stream], names: Iterable[str]) -> tuple[list[Stream], dict[str, Task]]:
    """Returns streams in the order of their first tasks, and all their tasks; `names` are those of the tasks."""
    order = list(names)
    streams = sorted(streams, key=lambda stream: order.index(stream.tasks[0].name))
    filled = {task.name: task for stream in streams for task in stream.tasks}
    return streams, {name: filled[name] for name in order}


def fields_of(tasks: Iterable[Task]) -> list[str]:
    """Returns all fields that tasks read."""
    return list(dict.fromkeys(field for task in tasks for field in task.fields))


@contextmanager
def naming_keys(tasks: Sequence[Task]) -> Iterator[None]:
    """Lets errors of columns that do not exist name the key of the configuration."""
    try:
        yield
    except MissingColumnError as error:
        key = next(task.key_of(error.field) for task in tasks if error.field in task.fields)
        raise MissingColumnError(error.place, error.field, error.known, key) from None


def by_reading(source: str, tasks: Iterable[Task]) -> dict[str, list[Task]]:
    """Returns the tasks of each stream of a source, by the name of the stream."""
    # A text that a task changes when it is read is a different text, which is read for that task alone.
    groups = grouped(tasks, lambda task: (task.text, task.text_pair, task.name * kind_of(task).corrupts))
    named = {}
    for reading, members in groups.items():
        read = [",".join(field_names(fields)) for fields in reading if fields]
        named[source if len(groups) == 1 else f"{source}/{'+'.join(read)}"] = members
    return named


def _limited(rows: Mapping[str, Rows], limit: Mapping[str, int], source: str, known: Sequence[str]) -> dict[str, Rows]:
    check_limit(limit, source, known)
    for split in limit.keys() & rows.keys():
        say_limit(limit[split], source, split, len(rows[split]))
    return {split: limited(of_split, limit.get(split)) for split, of_split in rows.items()}


def check_limit(limit: Mapping[str, int], source: str, known: Sequence[str]) -> None:
    """Raises `DataError` if the limit of a source names a split that is not `known`."""
    for split in limit:
        if split not in known:
            raise DataError(f"source '{source}': limit: there is no split '{split}'; {nearest(split, known)}")


def say_limit(limit: int, source: str, split: str, rows: int) -> None:
    """Says how many of its rows a split uses, if not all."""
    if limit < rows:
        _logger.info("source '%s': %d of its %d %s rows are used", source, limit, rows, split)


def _few(name: str, tasks: Sequence[Task], examples: Examples, shots: Shots) -> Examples:
    """Returns a few training rows of each class of each task; no other row has a target of the task."""
    kept = {}
    for task in tasks:
        strata = kind_of(task).strata(task, examples.targets[task.name])
        kept[task.name] = drawn_rows(strata.values(), shots.rows, shots.seed)
    targets = {task: without_others(values, kept[task]) for task, values in examples.targets.items()}
    few = Examples(examples.text, examples.text_pair, targets).take(np.unique(np.concatenate([*kept.values()])))
    message = "source '%s': %d of its %d training rows are used, at most %d of each class, drawn by seed %d"
    _logger.info(message, name, len(few), len(examples), shots.rows, shots.seed)
    return few


def tasks_with_split(experiment: Experiment, split: str) -> dict[str, Task]:
    """Returns the tasks whose source has the split `split`, or whose training split it is cut from.

    Raises:
        DataError: if no source has it.
    """
    sources = {name: SOURCES.get(choice.name).build(choice.options) for name, choice in experiment.sources.items()}
    splits = {name: (*source.splits, *missing_splits(source)) for name, source in sources.items()}
    tasks = {name: task for name, task in experiment.tasks.items() if split in splits[task.source]}
    if not tasks:
        known = nearest(split, {name for task in experiment.tasks.values() for name in splits[task.source]})
        raise DataError(f"no source of this experiment has a split '{split}'; {known}")
    return tasks


def grouped(tasks: Iterable[Task], key: Callable[[Task], Hashable]) -> dict[Any, list[Task]]:
    """Returns the tasks with each key, in their order."""
    groups: dict[Any, list[Task]] = {}
    for task in tasks:
        groups.setdefault(key(task), []).append(task)
    return groups


def _examples(name: str, split: str, tasks: Sequence[Task], rows: Rows, empty_text: str) -> Examples:
    texts, empty = texts_of(tasks, rows)
    if empty and empty.count == len(rows):
        raise empty.of_all
    if empty:
        empty.check(tasks[0].source, empty_text)
        empty.report()
    examples = labelled_examples(tasks, rows, texts)
    for task in tasks:
        report_unlabelled(task, name, split, is_present(examples.targets[task.name]).any())
    return examples


@dataclass
class Empty:
    """The rows whose text is empty.

    Attributes:
        what: the first of them, in words.
        count: their number.
    """

    what: str
    count: int

    @property
    def of_all(self) -> DataError:
        """The error for no other row."""
        return DataError(f"{self.what}, and so is a text of every other row")

    def check(self, source: str, empty_text: str) -> None:
        """Raises `DataError` if such rows are an error."""
        if empty_text == "error":
            raise DataError(f"{self.what}; 'sources.{source}.empty_text: skip' leaves such rows out")

    def report(self) -> None:
        """Says how many rows are left out."""
        _logger.info("%s; rows left out for this: %d", self.what, self.count)


def texts_of(tasks: Sequence[Task], rows: Rows) -> tuple[list[np.ndarray], Empty | None]:
    """Returns the texts, and the second texts if there are any, `[rows]` each, of tasks that read the same ones."""
    readings = [field_names(fields) for fields in (tasks[0].text, tasks[0].text_pair) if fields is not None]
    texts = [_texts(rows, fields) for fields in readings]
    filled = _all_filled(texts)
    if filled.all():
        return texts, None
    row = int(np.argmin(filled))
    empty = next(fields for fields, values in zip(readings, texts, strict=True) if is_absent(values[row]))
    what = f"{rows.place(row)}: {quoted(empty)} {'is' if len(empty) == 1 else 'are'} empty"
    return texts, Empty(what, int((~filled).sum()))


def labelled_examples(tasks: Sequence[Task], rows: Rows, texts: Sequence[np.ndarray]) -> Examples:
    """Returns the rows with text and a target of one of the tasks; of one without any, all rows have no target."""
    targets = {task.name: kind_of(task).encode(task, rows) for task in tasks}
    examples = Examples(texts[0], texts[1] if len(texts) > 1 else None, targets)
    examples = examples.take(np.flatnonzero(_all_filled(texts)))
    labelled = np.logical_or.reduce([is_present(values) for values in examples.targets.values()])
    return examples.take(np.flatnonzero(labelled))


def report_unlabelled(task: Task, source: str, split: str, has_targets: bool) -> None:
    """Says that no row of a split has a target of a task, if so; raises `DataError` if it is the training split."""
    if has_targets:
        return
    sentence = f"task '{task.name}': no row of {split} of source '{source}' has a value in '{task.target_fields[0]}'"
    if split == "train":
        raise DataError(f"{sentence}, so there is nothing to learn from")
    _logger.warning("%s, so it is not measured there", sentence)


def _texts(rows: Rows, fields: Sequence[str]) -> np.ndarray:
    """Returns the texts `[rows]` in one field or several."""
    texts = np.empty(len(rows), object)
    for row in range(len(rows)):
        texts[row] = text_of_fields({field: rows.columns[field][row] for field in fields}, rows.place(row))
    return texts


def _all_filled(texts: Sequence[np.ndarray]) -> np.ndarray:
    return np.logical_and.reduce([_is_filled(values) for values in texts])


def _is_filled(texts: np.ndarray) -> np.ndarray:
    return np.fromiter((not is_absent(text) for text in texts), bool, len(texts))
