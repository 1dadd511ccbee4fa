"""Tokenized rows as flat arrays, read and tokenized once, whatever the number of tasks and epochs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfmtl.data.columns import Column, RaggedColumn, is_present
from tfmtl.data.packing import Packing
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.tokenized import ReadTexts, read_texts
from tfmtl.kinds.kind import Corrupt, kind_of
from tfmtl.kinds.task import Task


@dataclass(frozen=True)
class Slice:
    """The part of each batch whose rows feed the same decoders.

    A decoder runs only on rows that it learns from.

    Attributes:
        tokens: the name of the model's input.
        heads: the names of the tasks without a decoder that rows of this slice can have targets of.
        generated: the names of the tasks with a decoder; each row of this slice has a target of at least one of them.
    """

    tokens: str
    heads: tuple[str, ...]
    generated: tuple[str, ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of all tasks that rows of this slice can have targets of."""
        return *self.heads, *self.generated


@dataclass(frozen=True)
class Corruption:
    """The change that a task makes to its texts each time they are read.

    Attributes:
        task: the name of the task.
        corrupt: the function that changes the texts.
    """

    task: str
    corrupt: Corrupt


@dataclass(frozen=True)
class Table:
    """All rows of one slice.

    Attributes:
        slice: the slice.
        tokens: the packed texts; a long text that is read by units has a row for each of its windows.
        targets: the column of each task; entries of rows without a target, such as those of other streams, are absent.
        streams: the indices of the table's rows that belong to each stream, int64, by the name of the stream.
        corruption: the change that turns the tokens into texts and targets when they are read; `None` if they are read
            unchanged.
    """

    slice: Slice
    tokens: RaggedColumn
    targets: dict[str, Column]
    streams: dict[str, np.ndarray]
    corruption: Corruption | None = None

    @property
    def present(self) -> dict[str, np.ndarray]:
        """Whether each row has a target of each task, bool `[rows]`, by the name of the task."""
        present = {name: column.present for name, column in self.targets.items()}
        if self.corruption:
            present[self.corruption.task] = np.ones(len(self.tokens), bool)
        return present


def target_name(task: str) -> str:
    """Returns the name of the model's input for the target tokens that a task's decoder reads."""
    return f"target_{task}"


def build_tables(
    streams: Sequence[Stream], split: str, tokenizer, packing: Packing, slices: Sequence[Slice] | None = None
) -> list[Table]:
    """Tokenizes a split of all streams and sorts the rows into slices.

    Rows without a target to generate form a slice of their own, on which no decoder runs. The other rows of a stream
    are in the slice of all its tasks that generate.

    Args:
        streams: the streams, with the examples of the split.
        split: the name of the split.
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.
        packing: how tokens become rows.
        slices: the slices of the model; if `None`, as for the training split, they are derived from the rows.

    Returns:
        One table for each slice, in the order of the slices; it is empty if the split has no rows for the slice.
    """
    slices = derived_slices(streams, split) if slices is None else slices
    parts: dict[tuple[str, ...], list[_Part]] = {}
    for stream in streams:
        examples = stream.splits[split]
        read = read_texts(tokenizer, examples.text, examples.text_pair, packing, stream.units)
        for generated, rows in _by_generated(stream, examples, slices):
            parts.setdefault(generated, []).append(_Part(stream, rows, read.take(rows)))
    by_task = {task.name: stream for stream in streams for task in stream.tasks}
    return [_table(part, parts.get(part.generated, []), by_task, split, tokenizer) for part in slices]


def derived_slices(streams: Sequence[Stream], split: str) -> list[Slice]:
    """Returns the slices that the rows of a split need, in their order."""
    found: dict[tuple[str, ...], list[Stream]] = {}
    for stream in streams:
        for generated, _ in _by_generated(stream, stream.splits[split], None):
            found.setdefault(generated, []).append(stream)
    return [_slice(generated, found[generated]) for generated in sorted(found)]


@dataclass(frozen=True)
class _Part:
    """The rows of one stream that belong to one slice."""

    stream: Stream
    rows: np.ndarray
    texts: ReadTexts


def _by_generated(
    stream: Stream, examples: Examples, slices: Sequence[Slice] | None
) -> Iterable[tuple[tuple[str, ...], np.ndarray]]:
    """Yields, for each slice, the tasks that it generates for and the stream's rows that belong to it.

    Rows without a target to generate join the other rows if the given slices have no other place for their heads.
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


def _slice(generated: tuple[str, ...], streams: Sequence[Stream]) -> Slice:
    heads = [task.name for stream in streams for task in stream.tasks if not task.generates]
    return Slice("_".join(["tokens", *generated]), tuple(dict.fromkeys(heads)), generated)


def _table(part: Slice, parts: Sequence[_Part], by_task: Mapping[str, Stream], split: str, tokenizer) -> Table:
    sizes = [len(each.texts.tokens) for each in parts]
    ends = np.cumsum(sizes, dtype=np.int64)
    total = int(ends[-1]) if parts else 0
    places = {each.stream.name: np.arange(end - size, end) for each, size, end in zip(parts, sizes, ends, strict=True)}
    own_parts = {each.stream.name: each for each in parts}
    targets, corruption = {}, None
    for name in part.tasks:
        stream = by_task[name]
        task = next(task for task in stream.tasks if task.name == name)
        if kind_of(task).corrupts:
            corruption = Corruption(name, kind_of(task).corrupt(task))
            continue
        own = own_parts.get(stream.name) or _Part(stream, np.zeros(0, np.int64), ReadTexts.empty(stream.units))
        column = _column(task, stream.splits[split].targets[name][own.rows], own.texts, split, tokenizer)
        # For each row of the table, the index of its entry in the column.
        entries = np.full(total, -1, np.int64)
        entries[places.get(stream.name, own.rows)] = _entries(task, own.texts)
        targets[name] = column.take(entries)
    tokens = RaggedColumn.join([each.texts.tokens for each in parts] or [RaggedColumn.empty()])
    return Table(part, tokens, targets, places, corruption)


def _entries(task: Task, texts: ReadTexts) -> np.ndarray:
    """Returns for each packed row of texts the index of its entry in the column of a task; -1 for none.

    A task that answers about a text as a whole learns from its first window.
    """
    return texts.entries if kind_of(task).units is None else np.arange(len(texts.tokens))


def _column(task: Task, targets: np.ndarray, texts: ReadTexts, split: str, tokenizer) -> Column:
    if kind_of(task).units is None:
        return kind_of(task).column(task, targets, tokenizer)
    return kind_of(task).unit_column(task, targets, texts.units, split)
