"""Streams whose rows are read once, some thousands at a time, and kept in files instead of in memory."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import NonNegativeInt, Strict

import tfmtl
from tfmtl.config.experiment import Experiment
from tfmtl.core.cache import Facts, found_or_made, key_of
from tfmtl.core.descriptions import Described
from tfmtl.core.registry import SOURCES
from tfmtl.data.digests import digests
from tfmtl.data.missing import say_missing
from tfmtl.data.rows import Rows
from tfmtl.data.sources.files import FileSource
from tfmtl.data.splits import cut_places, limited_places, missing_splits, require_split
from tfmtl.data.stored.examples import ExamplesWriter, Layout, in_memory, opened
from tfmtl.data.stored.messages import heard, say_again
from tfmtl.data.stored.source_rows import SourceRows
from tfmtl.data.streams import (
    Empty,
    Stream,
    by_reading,
    check_limit,
    fields_of,
    in_order,
    labelled_examples,
    load_streams,
    naming_keys,
    report_unlabelled,
    say_limit,
    texts_of,
)
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task

SPLITS = ("train", "validation", "test")
FORMAT = 1
"""The number of the layout of the files; another one is another entry."""

_NOT_READ = frozenset({"metrics", "primary"})
"""Keys of tasks that change nothing about rows."""

_logger = logging.getLogger("tfmtl")


def load_or_find_streams(experiment: Experiment) -> tuple[list[Stream], dict[str, Task]]:
    """Returns the streams of all splits, and the tasks with their label sets; see `load_streams`.

    The training and test rows of a source whose training files are larger than `cache.above` stay in files of the
    cache. Those of all other sources are in memory, and so is every validation split.

    Raises:
        DataError: if the data cannot be used.
        OSError: if the cache cannot be written.
    """
    large = [name for name in experiment.sources if is_large(experiment, name)]
    streams: list[Stream] = []
    for name in large:
        tasks = [task for task in experiment.tasks.values() if task.source == name]
        if tasks:
            streams += _StoredSource(experiment, name, tasks).streams()
    small = {name: task for name, task in experiment.tasks.items() if task.source not in large}
    if small:
        streams += load_streams(experiment.model_copy(update={"tasks": small}))[0]
    return in_order(streams, experiment.tasks)


def is_large(experiment: Experiment, name: str) -> bool:
    """Returns whether the rows of a source are kept in files: whether its training files are large; see `cache`."""
    choice, cache = experiment.sources[name], experiment.cache
    source = SOURCES.get(choice.name).build(choice.options)
    if not cache.enabled or not isinstance(source, FileSource) or choice.options.shots:
        return False
    return sum(path.stat().st_size for path in source.files("train")) > cache.above * 1e6


@dataclass
class _Counts:
    """What has been found while a split is read: its rows, and those whose text is empty."""

    rows: int = 0
    empty: Empty | None = None


class _Digests(Described):
    """What `tfmtl.data.digests` has found."""

    rows: NonNegativeInt
    text: str
    targets: dict[str, str]


class _RowFacts(Described):
    """The keys of tasks that were inferred, the files and digests of each stream's splits, and what was said."""

    resolved: dict[str, dict[str, Any]]
    layouts: list[dict[str, Layout]]
    digests: list[dict[str, _Digests]]
    messages: list[Annotated[tuple[int, str], Strict(False)]]


class _StoredSource:
    """A source and its tasks."""

    def __init__(self, experiment: Experiment, name: str, tasks: Sequence[Task]):
        self._name, self._tasks, self._seed = name, list(tasks), experiment.training.seed
        self._choice = experiment.sources[name]
        self._source: FileSource = SOURCES.get(self._choice.name).build(self._choice.options)
        self._missing = missing_splits(self._source)
        self._cache = experiment.cache.path

    def streams(self) -> list[Stream]:
        entry = self._cache / "rows" / self._key()

        def make(folder: Path) -> Facts:
            _logger.info("source '%s': reading its rows, once, into %s", self._name, entry)
            with heard() as messages:
                facts = self._written(folder)
            return {**facts, "messages": messages}

        def read(facts: Facts) -> tuple[list[Stream], list[tuple[int, str]]]:
            known = _RowFacts.of(facts, str(entry))
            return self._opened(entry, known), known.messages

        (streams, messages), is_new = found_or_made(entry, make, read)
        if not is_new:
            say_again(messages)
            _logger.info("source '%s': its rows are found in %s", self._name, entry)
        return streams

    def _opened(self, entry: Path, facts: "_RowFacts") -> list[Stream]:
        """Returns the streams whose rows are in the files of an entry; any error means that these do not fit."""
        updates = facts.resolved
        tasks = [type(task).model_validate({**_as_given(task), **updates[task.name]}) for task in self._tasks]
        groups = by_reading(self._name, tasks)
        if not len(groups) == len(facts.layouts) == len(facts.digests):
            raise ValueError(f"it has rows of {len(facts.layouts)} streams")
        streams = []
        for number, (stream, members) in enumerate(groups.items()):
            splits = {}
            for split in SPLITS:
                layout, digest = facts.layouts[number][split], facts.digests[number][split]
                names = {task.name for task in members}
                if digest.rows != layout.rows or not names == layout.targets.keys() == digest.targets.keys():
                    raise ValueError(f"its rows of '{split}' are not those of the tasks")
                splits[split] = opened(entry / f"{number}.{split}", layout, digest.model_dump())
            splits["validation"] = in_memory(splits["validation"])
            streams.append(Stream(stream, tuple(members), splits, self._missing))
        return streams

    def _key(self) -> str:
        """Returns the key of all that the rows depend on; files count by their paths, sizes and times of change."""
        files = {}
        for split in self._read_splits():
            stats = [(str(path.resolve()), path.stat()) for path in self._source.files(split)]
            files[split] = [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats]
        shaping = [
            {key: value for key, value in task.as_mapping().items() if key not in _NOT_READ | task.free_keys}
            | {"name": task.name}
            for task in self._tasks
        ]
        source = {"options": self._choice.as_mapping(), "files": files, "seed": self._seed if self._missing else None}
        return key_of({"format": FORMAT, "version": tfmtl.__version__, "source": source, "tasks": shaping})

    def _read_splits(self) -> list[str]:
        """Returns the splits of the source itself that are read."""
        for split in SPLITS:
            require_split(self._source, self._name, split)
        return list(dict.fromkeys("train" if split in self._missing else split for split in SPLITS))

    def _written(self, folder: Path) -> Facts:
        fields = fields_of(self._tasks)
        with naming_keys(self._tasks):
            own = {split: SourceRows(self._source, split, fields) for split in self._read_splits()}
            places = self._places(own)
            needs_train = any(kind_of(task).needs_train(task) for task in self._tasks)
            tasks = [kind_of(task).resolved(task, own["train"] if needs_train else None) for task in self._tasks]
            groups = by_reading(self._name, tasks)
            writers = [
                {split: ExamplesWriter(folder / f"{number}.{split}") for split in SPLITS}
                for number in range(len(groups))
            ]
            found: Counter = Counter()
            for split, rows in own.items():
                names = (split, *self._missing) if split == "train" else (split,)
                self._write_split(rows, {name: places[name] for name in names}, list(groups.values()), writers, found)
        say_missing(found, self._name)
        layouts = [{split: writer.close() for split, writer in of_group.items()} for of_group in writers]
        for (stream, members), of_group in zip(groups.items(), writers, strict=True):
            for split, writer in of_group.items():
                for task in members:
                    report_unlabelled(task, stream, split, writer.labelled.get(task.name, False))
        return {
            "resolved": {new.name: _changes(old, new) for old, new in zip(self._tasks, tasks, strict=True)},
            "layouts": [{split: layout.model_dump() for split, layout in of.items()} for of in layouts],
            "digests": [
                {split: digests(opened(folder / f"{number}.{split}", layout)) for split, layout in of_group.items()}
                for number, of_group in enumerate(layouts)
            ],
        }

    def _places(self, own: Mapping[str, SourceRows]) -> dict[str, np.ndarray | None]:
        """Returns whether each row of the source belongs to a split, bool `[rows]`; `None` if all of them do."""
        places: dict[str, np.ndarray | None] = dict.fromkeys(SPLITS)
        if self._missing:
            rows = len(own["train"])
            cut = cut_places(rows, self._name, self._missing, self._seed)
            places |= {split: _flags(rows, of_split) for split, of_split in cut.items()}
        limit = self._choice.options.limit or {}
        check_limit(limit, self._name, (*self._source.splits, *self._missing))
        for split in limit.keys() & places.keys():
            flags = places[split]
            chosen = np.arange(len(own[split])) if flags is None else np.flatnonzero(flags)
            say_limit(limit[split], self._name, split, len(chosen))
            if limit[split] < len(chosen):
                total = len(chosen) if flags is None else len(flags)
                places[split] = _flags(total, chosen[limited_places(len(chosen), limit[split])])
        return places

    def _write_split(
        self,
        rows: SourceRows,
        places: Mapping[str, np.ndarray | None],
        groups: Sequence[Sequence[Task]],
        writers: Sequence[Mapping[str, ExamplesWriter]],
        found: Counter,
    ) -> None:
        """Writes the rows of one split of the source to all splits that they belong to."""
        counts = {(number, split): _Counts() for number in range(len(groups)) for split in places}
        first = 0
        for chunk in rows.chunks(found):
            for split, flags in places.items():
                chosen = chunk
                if flags is not None:
                    chosen = chunk.take(np.flatnonzero(flags[first : first + len(chunk)]).tolist())
                for number, tasks in enumerate(groups):
                    self._write_chunk(chosen, tasks, writers[number][split], counts[number, split])
            first += len(chunk)
        for count in counts.values():
            if count.empty and count.empty.count == count.rows:
                raise count.empty.of_all
            if count.empty:
                count.empty.report()

    def _write_chunk(self, rows: Rows, tasks: Sequence[Task], writer: ExamplesWriter, counts: _Counts) -> None:
        texts, empty = texts_of(tasks, rows)
        counts.rows += len(rows)
        if empty:
            empty.check(self._name, self._choice.options.empty_text)
            before = counts.empty
            counts.empty = replace(before, count=before.count + empty.count) if before else empty
        writer.append(labelled_examples(tasks, rows, texts))


def _flags(rows: int, chosen: np.ndarray) -> np.ndarray:
    flags = np.zeros(rows, bool)
    flags[chosen] = True
    return flags


def _as_given(task: Task) -> dict[str, Any]:
    return {**task.model_dump(mode="json", by_alias=True), "name": task.name}


def _changes(before: Task, after: Task) -> dict[str, Any]:
    """Returns the keys of a task that were inferred from its rows, with their values."""
    old, new = _as_given(before), _as_given(after)
    return {key: value for key, value in new.items() if old.get(key) != value}
