"""Columns of targets with one entry per row, which can be taken, joined, padded or absent, for every kind of task.

Before a tokenizer is known, the targets of a split are plain arrays `[rows, ...]`. A row without a target contains the
placeholder of its dtype: -1 for integers, NaN for floating-point numbers, an empty sequence for objects. A model learns
from columns: a `DenseColumn` has the same shape in each row, a `RaggedColumn` has a varying number of tokens per row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import tensorflow as tf

from tfmtl.data.stored.arrays import StoredTargets, check_ends, mapped

_AT_ONCE = 1 << 20


def is_present(targets: np.ndarray | Sequence[Sequence]) -> np.ndarray:
    """Returns whether each row has a target, bool `[rows]`.

    Args:
        targets: the targets `[rows, ...]`; an absent target is -1 (int), NaN (float) or an empty sequence.
    """
    if isinstance(targets, StoredTargets):
        return targets.present
    if isinstance(targets, np.ndarray) and targets.dtype.kind in "if":
        known = targets >= 0 if targets.dtype.kind == "i" else ~np.isnan(targets)
        return known.all(axis=tuple(range(1, targets.ndim)))
    return np.fromiter((len(target) > 0 for target in targets), bool, len(targets))


class Column(Protocol):
    """The targets of one task, with one entry per row.

    Attributes:
        lengths: the number of tokens in each row, int64 `[rows]`; `None` if all rows have the same shape.
        present: whether each row has a target, bool `[rows]`.
    """

    lengths: np.ndarray | None
    present: np.ndarray

    def __len__(self) -> int:
        """Returns the number of rows."""

    def take(self, rows: np.ndarray) -> "Column":
        """Returns the entries at the indices `rows`, in that order; the index -1 gives an absent entry."""

    def graph(self) -> tf.Tensor | tf.RaggedTensor:
        """Returns the entries as a graph constant, followed by an absent entry, which is the one of a padding row."""


@dataclass(frozen=True)
class DenseColumn:
    """Targets that all have the same shape.

    Attributes:
        values: the targets `[rows, ...]`; -1 (int) or NaN (float) where a row has no target.
    """

    values: np.ndarray
    lengths = None

    @property
    def present(self) -> np.ndarray:
        return is_present(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: np.ndarray) -> "DenseColumn":
        return DenseColumn(self._with_absent()[rows])

    def graph(self) -> tf.Tensor:
        return tf.constant(self._with_absent())

    @classmethod
    def join(cls, parts: Sequence["DenseColumn"]) -> Self:
        """Returns the entries of several columns, in the order of the columns."""
        if len(parts) == 1:
            return parts[0]
        return DenseColumn(np.concatenate([part.values for part in parts]))

    def _with_absent(self) -> np.ndarray:
        mark = np.nan if self.values.dtype.kind == "f" else -1
        return np.concatenate([self.values, np.full((1, *self.values.shape[1:]), mark, self.values.dtype)])


@dataclass(frozen=True)
class RaggedColumn:
    """Token sequences of varying length; a row without tokens is absent.

    Attributes:
        values: the tokens of all rows, one row after the other, int32 `[tokens]`.
        splits: the start of each row in `values`, and the end of the last one, int64 `[rows + 1]`.
    """

    values: np.ndarray
    splits: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.splits)

    @property
    def longest(self) -> int:
        """The number of tokens of the longest row; 0 without rows."""
        starts = range(0, len(self), _AT_ONCE)
        return max((int(np.diff(self.splits[start : start + _AT_ONCE + 1]).max()) for start in starts), default=0)

    def lengths_of(self, rows: np.ndarray) -> np.ndarray:
        """Returns the number of tokens of the rows at the indices `rows`, int64 in the same shape; 0 at -1."""
        if not len(self):
            return np.zeros(rows.shape, np.int64)
        return np.where(rows < 0, 0, self.splits[rows + 1] - self.splits[rows])

    @property
    def present(self) -> np.ndarray:
        return self.lengths > 0

    def __len__(self) -> int:
        return len(self.splits) - 1

    def take(self, rows: np.ndarray) -> "RaggedColumn":
        ragged = tf.gather(self.graph(), np.where(rows < 0, len(self), rows))
        return RaggedColumn(ragged.values.numpy(), ragged.row_splits.numpy())

    def graph(self) -> tf.RaggedTensor:
        splits = np.append(self.splits, self.splits[-1])
        return tf.RaggedTensor.from_row_splits(self.values, splits, validate=False)

    @classmethod
    def join(cls, parts: Sequence["RaggedColumn"]) -> Self:
        """Returns the rows of several columns, in the order of the columns."""
        if len(parts) == 1:
            return parts[0]
        lengths = np.concatenate([part.lengths for part in parts])
        return RaggedColumn(np.concatenate([part.values for part in parts]), np.concatenate([[0], np.cumsum(lengths)]))

    @classmethod
    def empty(cls) -> Self:
        """Returns a column without rows."""
        return cls(np.zeros(0, np.int32), np.zeros(1, np.int64))


class StoredDenseColumn(DenseColumn):
    """A dense column in a file, which holds an absent entry behind the last one.

    Args:
        path: the path of the file.
        dtype: the dtype of the targets.
        shape: the shape of all targets, `[rows, ...]`, without the absent entry.
    """

    def __init__(self, path: Path, dtype: str, shape: Sequence[int]):
        object.__setattr__(self, "_path", path)
        object.__setattr__(self, "_shape", [shape[0] + 1, *shape[1:]])
        super().__init__(mapped(path, dtype, self._shape)[:-1])


class StoredRaggedColumn(RaggedColumn):
    """A ragged column in two files, `<path>.values` and `<path>.splits`; these end with an absent row.

    Args:
        path: the path of the files without their endings.
        rows: the number of rows, without the absent one.
        tokens: the number of tokens of all rows.
    """

    def __init__(self, path: Path, rows: int, tokens: int):
        object.__setattr__(self, "_path", path)
        values = mapped(Path(f"{path}.values"), np.int32, [tokens])
        splits = mapped(Path(f"{path}.splits"), np.int64, [rows + 2])
        check_ends(splits, tokens, Path(f"{path}.splits"))
        super().__init__(values, splits[:-1])


def joined(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the rows of targets `[rows, ...]` in graph; those of varying length are padded with 0 to the longest."""
    if len(parts) > 1 and parts[0].shape[1:].rank == 1 and parts[0].shape[1] is None:
        length = tf.reduce_max([tf.shape(part)[1] for part in parts])
        parts = [tf.pad(part, [[0, 0], [0, length - tf.shape(part)[1]]]) for part in parts]
    return tf.concat(parts, axis=0)


def padded(column: tf.Tensor | tf.RaggedTensor, rows: tf.Tensor, length: tf.Tensor | None) -> tf.Tensor:
    """Returns entries of a column in graph, `[rows, ...]`; ragged entries are padded to `[rows, length]`.

    Args:
        column: the constant that the column's `graph` method returns.
        rows: the indices of the entries, int32 `[rows]`.
        length: the length to which ragged entries are padded, int32 scalar; `None` for dense entries.
    """
    if length is None:
        return tf.gather(column, rows)
    # TensorFlow's own gather of ragged rows looks at the splits of all rows each time.
    begins, ends = tf.gather(column.row_splits, rows), tf.gather(column.row_splits, rows + 1)
    one = tf.constant(1, begins.dtype)
    places = tf.raw_ops.RaggedRange(starts=begins, limits=ends, deltas=one, Tsplits=tf.int64)
    found = tf.gather(column.values, places.rt_dense_values)
    taken = tf.RaggedTensor.from_row_splits(found, places.rt_nested_splits, validate=False)
    tokens = taken.to_tensor(shape=tf.stack([tf.cast(-1, length.dtype), length]))
    return tf.ensure_shape(tokens, [rows.shape[0], None])
