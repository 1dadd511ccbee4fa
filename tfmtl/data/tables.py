"""Tokenized rows, held as flat arrays: read and tokenized once, whatever the number of tasks and epochs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfmtl.data.columns import Column, RaggedColumn, is_present
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.tokenized import tokenize_texts
from tfmtl.kinds.kind import Corrupt, kind_of


@dataclass(frozen=True)
class Slice:
    """The part of each batch whose rows have something to write for the same tasks.

    A decoder runs only on rows that it learns from.

    Attributes:
        tokens: the name of the model's input.
        heads: the tasks answered by a head alone that rows of this slice can have a target of.
        generated: the tasks with a decoder that rows of this slice have targets of, each row at least one.
    """

    tokens: str
    heads: tuple[str, ...]
    generated: tuple[str, ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks that rows of this slice can have a target of."""
        return *self.heads, *self.generated


@dataclass(frozen=True)
class Corruption:
    """A task whose texts are changed each time they are read.

    Attributes:
        task: its name.
        corrupt: what changes them.
    """

    task: str
    corrupt: Corrupt


@dataclass(frozen=True)
class Table:
    """All rows of one slice.

    Attributes:
        slice: what the rows are.
        tokens: the packed texts.
        targets: the column of each task; a row of another stream, or without the target, is absent.
        streams: for each stream, the table's rows that are its own, int64.
        corruption: what makes texts and targets of the tokens when they are read; `None` where they are read as they
            are.
    """

    slice: Slice
    tokens: RaggedColumn
    targets: dict[str, Column]
    streams: dict[str, np.ndarray]
    corruption: Corruption | None = None

    @property
    def present(self) -> dict[str, np.ndarray]:
        """Which rows have a target of each task, bool `[rows]`."""
        present = {name: column.present for name, column in self.targets.items()}
        if self.corruption:
            present[self.corruption.task] = np.ones(len(self.tokens), bool)
        return present


def target_name(task: str) -> str:
    """Returns the name of the model's input that holds what a decoder reads of a task's target."""
    return f"target_{task}"


def build_tables(
    streams: Sequence[Stream], split: str, tokenizer, max_length: int, slices: Sequence[Slice] | None = None
) -> list[Table]:
    """Tokenizes a split of all streams and sorts the rows into slices.

    Rows without anything to write form a slice of their own, on which no decoder runs; the other rows of a stream are
    in the slice of all its tasks that generate.

    Args:
        streams: with the split's examples.
        split: its name.
        tokenizer: of `tfmtl.data.tokenizers`.
        max_length: the most tokens of a text.
        slices: those of the model; found in the rows where it is `None`, as for the split that trains the model.

    Returns:
        A table for each slice, in its order, without rows where the split has none.
    """
    parts: dict[tuple[str, ...], list[_Part]] = {}
    for stream in streams:
        examples = stream.splits[split]
        tokens = tokenize_texts(tokenizer, examples.text, examples.text_pair, max_length)
        for generated, rows in _by_generated(stream, examples, slices):
            parts.setdefault(generated, []).append(_Part(stream, rows, tokens.take(rows)))
    if slices is None:
        slices = [_slice(generated, parts[generated]) for generated in sorted(parts)]
    by_task = {task.name: stream for stream in streams for task in stream.tasks}
    return [_table(part, parts.get(part.generated, []), by_task, split, tokenizer) for part in slices]


@dataclass(frozen=True)
class _Part:
    """The rows of one stream that belong to one slice."""

    stream: Stream
    rows: np.ndarray
    tokens: RaggedColumn


def _by_generated(
    stream: Stream, examples: Examples, slices: Sequence[Slice] | None
) -> Iterable[tuple[tuple[str, ...], np.ndarray]]:
    """Yields the tasks that a slice generates for and the stream's rows that belong in it.

    A row with nothing to write is among those with something where the given slices have no other place for its heads.
    """
    names = tuple(task.name for task in stream.tasks if task.generates)
    writes = np.zeros(len(examples), bool)
    for name in names:
        writes |= is_present(examples.targets[name])
    heads = {task.name for task in stream.tasks} - set(names)
    if names and slices is not None and not any(heads <= {*part.heads} for part in slices if not part.generated):
        writes[:] = True
    for generated, rows in (((), ~writes), (names, writes)):
        if rows.any():
            yield generated, np.flatnonzero(rows)


def _slice(generated: tuple[str, ...], parts: Sequence[_Part]) -> Slice:
    heads = [task.name for part in parts for task in part.stream.tasks if not task.generates]
    return Slice("_".join(["tokens", *generated]), tuple(dict.fromkeys(heads)), generated)


def _table(part: Slice, parts: Sequence[_Part], by_task: Mapping[str, Stream], split: str, tokenizer) -> Table:
    ends = np.cumsum([len(each.rows) for each in parts], dtype=np.int64)
    total = int(ends[-1]) if parts else 0
    places = {each.stream.name: np.arange(end - len(each.rows), end) for each, end in zip(parts, ends, strict=True)}
    rows = {each.stream.name: each.rows for each in parts}
    targets, corruption = {}, None
    for name in part.tasks:
        stream = by_task[name]
        task = next(task for task in stream.tasks if task.name == name)
        if kind_of(task).corrupts:
            corruption = Corruption(name, kind_of(task).corrupt(task))
            continue
        own = rows.get(stream.name, np.zeros(0, np.int64))
        column = kind_of(task).column(task, stream.splits[split].targets[name][own], tokenizer)
        # The column's entry of each row of the table.
        entries = np.full(total, -1, np.int64)
        entries[places.get(stream.name, own)] = np.arange(len(own))
        targets[name] = column.take(entries)
    tokens = RaggedColumn.join([each.tokens for each in parts] or [RaggedColumn.empty()])
    return Table(part, tokens, targets, places, corruption)
