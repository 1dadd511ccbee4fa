"""Tokenized rows, held as flat arrays: read and tokenized once, whatever the number of tasks and epochs."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfmtl.data.packing import pack_pair, pack_summary, pack_text
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.targets import has_target
from tfmtl.kinds.denoising.options import Denoising
from tfmtl.kinds.task import Task

_TOKENIZED_AT_ONCE = 512
_STRINGS = tf.TensorSpec([None], tf.string)


@dataclass(frozen=True)
class Pieces:
    """Rows of ids of different lengths.

    Attributes:
        values: all ids one after the other, int32 `[ids]`.
        splits: where each row starts, and the end, int64 `[rows + 1]`.
    """

    values: np.ndarray
    splits: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """How many ids each row has, int64 `[rows]`."""
        return np.diff(self.splits)

    def ragged(self) -> tf.RaggedTensor:
        """The rows, and after them an empty one, which the row index -1 of a batch plan stands for."""
        splits = np.append(self.splits, self.splits[-1])
        return tf.RaggedTensor.from_row_splits(self.values, splits, validate=False)

    @classmethod
    def join(cls, parts: Sequence["Pieces"]) -> "Pieces":
        """Returns the rows of several, in their order."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(np.concatenate([part.values for part in parts]), np.concatenate([[0], np.cumsum(lengths)]))

    def take(self, rows: np.ndarray) -> "Pieces":
        """Returns the rows at `rows`, in that order; -1 is an empty one."""
        ragged = tf.gather(self.ragged(), np.where(rows < 0, len(self.lengths), rows))
        return Pieces(ragged.values.numpy(), ragged.row_splits.numpy())


_NO_ROWS = Pieces(np.zeros(0, np.int32), np.zeros(1, np.int64))


@dataclass(frozen=True)
class Slice:
    """The part of each batch whose rows have the same summaries: a decoder runs only on rows that it learns from.

    Attributes:
        tokens: the name of the model's input.
        heads: the classification and regression tasks that rows of this slice can have a target of.
        summaries: the tasks with a decoder that rows of this slice have targets of, each row at least one.
    """

    tokens: str
    heads: tuple[str, ...]
    summaries: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """All rows of one slice.

    Attributes:
        slice: what the rows are.
        tokens: the packed texts.
        targets: of each head, `[rows]`; a row of another stream, or without the target, has the mark of absence.
        summaries: the packed references of each summarization task.
        streams: for each stream, the table's rows that are its own, int64.
        denoising: the task whose gaps are made in the texts when they are read; `None` where there is none.
    """

    slice: Slice
    tokens: Pieces
    targets: dict[str, np.ndarray]
    summaries: dict[str, Pieces]
    streams: dict[str, np.ndarray]
    denoising: Denoising | None = None


def absent(kind: str, rows: int) -> np.ndarray:
    """Returns targets `[rows]` that say that there is none: -1 for labels, NaN for scores."""
    return np.full(rows, -1, np.int32) if kind == "classification" else np.full(rows, np.nan, np.float32)


def tokenize_texts(tokenizer, texts: np.ndarray, pairs: np.ndarray | None, max_length: int) -> Pieces:
    """Returns the packed rows of texts, or of pairs of texts, as the model reads them."""
    if pairs is None:
        return _tokenize(_text_packer(tokenizer, max_length), texts)
    return _tokenize(_pair_packer(tokenizer, max_length), texts, pairs)


# Traced once for all splits.
@functools.lru_cache(maxsize=4)
def _text_packer(tokenizer, max_length: int):
    return tf.function(lambda text: pack_text(tokenizer.tokenize(text), max_length), [_STRINGS], autograph=False)


@functools.lru_cache(maxsize=4)
def _pair_packer(tokenizer, max_length: int):
    def pack(text, pair):
        return pack_pair(tokenizer.tokenize(text), tokenizer.tokenize(pair), max_length)

    return tf.function(pack, [_STRINGS, _STRINGS], autograph=False)


@functools.lru_cache(maxsize=4)
def _summary_packer(tokenizer, max_length: int):
    return tf.function(lambda text: pack_summary(tokenizer.tokenize(text), max_length), [_STRINGS], autograph=False)


def _tokenize(pack, *columns: np.ndarray) -> Pieces:
    """Packs columns of strings in graph, in parallel, in order."""
    if not len(columns[0]):
        return _NO_ROWS
    tensors = tuple(tf.constant(column.tolist()) for column in columns)
    if len(columns[0]) <= _TOKENIZED_AT_ONCE:
        # A pipeline would take longer to make than these few rows do.
        packed = pack(*tensors)
        return Pieces(packed.values.numpy(), packed.row_splits.numpy())
    rows = tf.data.Dataset.from_tensor_slices(tensors).batch(_TOKENIZED_AT_ONCE)
    packed = rows.map(pack, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    parts = [Pieces(batch.values.numpy(), batch.row_splits.numpy()) for batch in packed]
    return Pieces.join(parts)


def build_tables(
    streams: Sequence[Stream], split: str, tokenizer, max_length: int, slices: Sequence[Slice] | None = None
) -> list[Table]:
    """Tokenizes a split of all streams and sorts the rows into slices.

    Rows with no summary at all stand in a slice of their own, before which no decoder runs; the other rows of a stream
    stand in the slice of all its summaries.

    Args:
        streams: with the split's examples.
        split: its name.
        tokenizer: of `tfmtl.data.tokenizers`.
        max_length: the most ids of a text.
        slices: those of the model; found in the rows where it is `None`, as for the split that trains the model.

    Returns:
        A table for each slice, in its order, without rows where the split has none.
    """
    parts: dict[tuple[str, ...], list[tuple[Stream, np.ndarray, Pieces]]] = {}
    for stream in streams:
        examples = stream.splits[split]
        tokens = tokenize_texts(tokenizer, examples.text, examples.text_pair, max_length)
        for summaries, rows in _by_summaries(stream, examples, slices):
            parts.setdefault(summaries, []).append((stream, rows, tokens.take(rows)))
    if slices is None:
        slices = [_slice(summaries, parts[summaries]) for summaries in sorted(parts)]
    tasks = {task.name: task for stream in streams for task in stream.tasks}
    return [_table(part, parts.get(part.summaries, []), tasks, split, tokenizer) for part in slices]


def _by_summaries(
    stream: Stream, examples: Examples, slices: Sequence[Slice] | None
) -> Iterable[tuple[tuple[str, ...], np.ndarray]]:
    """Yields the summaries of a slice and the stream's rows that belong in it.

    A row without a summary stands among those with one where the given slices have no other place for its heads.
    """
    names = tuple(task.name for task in stream.tasks if task.learns_pieces)
    has_summary = np.zeros(len(examples), bool)
    for name in names:
        has_summary |= has_target(examples.targets[name])
    heads = {task.name for task in stream.tasks} - set(names)
    if names and slices is not None and not any(heads <= {*part.heads} for part in slices if not part.summaries):
        has_summary[:] = True
    for summaries, rows in (((), ~has_summary), (names, has_summary)):
        if rows.any():
            yield summaries, np.flatnonzero(rows)


def _slice(summaries: tuple[str, ...], parts: list) -> Slice:
    heads = [task.name for stream, _, _ in parts for task in stream.tasks if not task.learns_pieces]
    return Slice("_".join(["tokens", *summaries]), tuple(dict.fromkeys(heads)), summaries)


def _table(part: Slice, parts: list, tasks: Mapping[str, Task], split: str, tokenizer) -> Table:
    ends = np.cumsum([len(rows) for _, rows, _ in parts], dtype=np.int64)
    total = int(ends[-1]) if parts else 0
    places = {stream.name: np.arange(end - len(rows), end) for (stream, rows, _), end in zip(parts, ends, strict=True)}
    targets = {name: absent(tasks[name].kind, total) for name in part.heads}
    references = {name: np.full(total, None, object) for name in part.summaries if tasks[name].is_answered}
    for stream, rows, _ in parts:
        for task in stream.tasks:
            column = targets if task.name in targets else references
            if task.name in column:
                column[task.name][places[stream.name]] = stream.splits[split].targets[task.name][rows]
    summaries = {name: _tokenize_summaries(tokenizer, column, tasks[name]) for name, column in references.items()}
    tokens = Pieces.join([pieces for _, _, pieces in parts] or [_NO_ROWS])
    denoising = next((tasks[name] for name in part.summaries if not tasks[name].is_answered), None)
    return Table(part, tokens, targets, summaries, places, denoising)


def _tokenize_summaries(tokenizer, references: np.ndarray, task: Task) -> Pieces:
    """Packs the first reference of each row; a row without one is empty."""
    present = has_target(references)
    texts = np.array([row[0] for row in references[present]], object)
    packed = _tokenize(_summary_packer(tokenizer, task.max_length), texts)
    return packed.take(np.where(present, np.cumsum(present) - 1, -1))
