"""Columns of targets: one entry a row, which can be taken, joined, padded and absent, whatever kind of task reads it.

Before a tokenizer is known, the targets of a split are plain arrays `[rows, ...]`, in which a row without a target
holds the mark of absence of its dtype: -1 in whole numbers, NaN in floating-point numbers, an empty sequence in
objects. What a model learns from is a column: `DenseColumn`, the same shape in each row, or `RaggedColumn`, so many
tokens a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import tensorflow as tf


def is_present(targets: np.ndarray | Sequence[Sequence]) -> np.ndarray:
    """Returns which rows have a target, bool `[rows]`.

    Args:
        targets: `[rows, ...]`; int with -1, float with NaN, or sequences that are empty where a target is absent.
    """
    if isinstance(targets, np.ndarray) and targets.dtype.kind in "if":
        known = targets >= 0 if targets.dtype.kind == "i" else ~np.isnan(targets)
        return known.all(axis=tuple(range(1, targets.ndim)))
    return np.fromiter((len(target) > 0 for target in targets), bool, len(targets))


class Column(Protocol):
    """The targets of one task, an entry a row.

    Attributes:
        lengths: how many tokens each row has, int64 `[rows]`; `None` where all rows have the same shape.
        present: which rows have a target, bool `[rows]`.
    """

    lengths: np.ndarray | None
    present: np.ndarray

    def __len__(self) -> int:
        """How many rows there are."""

    def take(self, rows: np.ndarray) -> "Column":
        """Returns the entries at `rows`, in that order; -1 is an absent one."""

    def graph(self) -> tf.Tensor | tf.RaggedTensor:
        """Returns the entries as a constant of a graph, and after them an absent one, which a row of padding has."""


@dataclass(frozen=True)
class DenseColumn:
    """Targets of one shape.

    Attributes:
        values: `[rows, ...]`, int with -1 or float with NaN where a row has no target.
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
        """Returns the entries of several columns, in their order."""
        return cls(np.concatenate([part.values for part in parts]))

    def _with_absent(self) -> np.ndarray:
        mark = np.nan if self.values.dtype.kind == "f" else -1
        return np.concatenate([self.values, np.full((1, *self.values.shape[1:]), mark, self.values.dtype)])


@dataclass(frozen=True)
class RaggedColumn:
    """Tokens, a different number in each row; a row without tokens is an absent one.

    Attributes:
        values: all tokens one after the other, int32 `[tokens]`.
        splits: where each row starts, and the end, int64 `[rows + 1]`.
    """

    values: np.ndarray
    splits: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.splits)

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
        """Returns the rows of several columns, in their order."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(np.concatenate([part.values for part in parts]), np.concatenate([[0], np.cumsum(lengths)]))

    @classmethod
    def empty(cls) -> Self:
        """Returns a column without rows."""
        return cls(np.zeros(0, np.int32), np.zeros(1, np.int64))


def padded(column: tf.Tensor | tf.RaggedTensor, rows: tf.Tensor, length: tf.Tensor | None) -> tf.Tensor:
    """Returns entries of a column in graph, `[rows, ...]`; ragged ones are padded, `[rows, length]`.

    Args:
        column: as `graph` of a column makes it.
        rows: int32 `[rows]`.
        length: to which ragged entries are padded, int32 scalar; `None` for dense ones.
    """
    if length is None:
        return tf.gather(column, rows)
    tokens = tf.gather(column, rows).to_tensor(shape=tf.stack([tf.cast(-1, length.dtype), length]))
    return tf.ensure_shape(tokens, [rows.shape[0], None])
