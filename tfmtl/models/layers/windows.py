"""Reads a row that is longer than a trunk reads at once in windows, one after the other."""

from collections.abc import Callable
from typing import TypeVar

from keras import KerasTensor, ops

Found = TypeVar("Found")


def read_in_windows(
    read: Callable[[KerasTensor, KerasTensor], Found], embedded: KerasTensor, tokens: KerasTensor, max_length: int
) -> Found:
    """Reads rows in windows of `max_length` positions, each of which sees only itself.

    Rows that are not longer are one window of their own length.

    Args:
        read: a function from embeddings `[windows, length, width]` and ids `[windows, length]` to what is found.
        embedded: embeddings of the rows' tokens, `[batch, length, width]`.
        tokens: their ids, int32 `[batch, length]`; see `tfmtl.data.packing.Packing`.
        max_length: the number of positions in a window.

    Returns:
        What `read` returned.
    """
    batch_size, length = ops.shape(tokens)
    window, count = _windows(length, max_length)
    missing = count * window - length
    embedded = ops.concatenate(
        [embedded, ops.zeros((batch_size, missing, embedded.shape[-1]), dtype=embedded.dtype)], axis=1
    )
    tokens = ops.concatenate([tokens, ops.zeros((batch_size, missing), dtype=tokens.dtype)], axis=1)
    return read(
        ops.reshape(embedded, (batch_size * count, window, embedded.shape[-1])),
        ops.reshape(tokens, (batch_size * count, window)),
    )


def joined_windows(found: KerasTensor, tokens: KerasTensor, max_length: int, axis: int = 1) -> KerasTensor:
    """Returns what was found in windows, `[windows, ..., length, ...]`, for whole rows: `[batch, ..., length, ...]`.

    Args:
        found: the result of reading windows.
        tokens: the ids of the rows, int32 `[batch, length]`.
        max_length: the number of positions in a window.
        axis: the axis of the positions.
    """
    batch_size, length = ops.shape(tokens)
    window, count = _windows(length, max_length)
    before, after = found.shape[1:axis], found.shape[axis + 1 :]
    split = ops.reshape(found, (batch_size, count, *before, window, *after))
    order = (0, *range(2, axis + 1), 1, *range(axis + 1, len(split.shape)))
    rows = ops.reshape(ops.transpose(split, order), (batch_size, *before, count * window, *after))
    return rows[(slice(None), *[slice(None)] * len(before), slice(length))]


def _windows(length, max_length: int):
    """Returns the length of the windows of rows, and their number; a batch without positions has one of one."""
    window = ops.maximum(ops.minimum(length, max_length), 1)
    return window, ops.maximum((length + window - 1) // window, 1)
