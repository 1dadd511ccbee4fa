"""Builds the rows that the model reads from tokens: adds the marks and cuts what is too long."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf

from tfmtl.data.special_tokens import END_ID, START_ID

Overflow = Literal["end", "start", "head_tail", "windows"]
"""What is cut from a text that is too long, or `windows` if it is read in pieces."""

_HEAD = 4
"""The first part of a text that loses its middle is a fourth of it, about as in Sun et al. 2019 (128 tokens of 510)."""


class Marks(NamedTuple):
    """What is packed before the first text, and behind each text."""

    start: int
    end: int


TOKEN_MARKS = Marks(START_ID, END_ID)
NO_UNITS = Marks(0, 0)
"""The marks of what is packed beside tokens and says which unit begins at each: none begins at a mark."""

_OVERLAP = 4
"""The part of a window that the next window of a pair reads as well is a fourth of it."""


@dataclass(frozen=True)
class Packing:
    """How the tokens of texts become rows of limited length.

    Attributes:
        max_length: the maximum number of ids that the trunk reads at once, including marks.
        overflow: what is cut from longer texts: their `end`, their `start`, or their middle (`head_tail`); `windows`
            divides them into windows of `max_length` ids, each with marks of its own, one after the other in a row.
        windows: the maximum number of windows; what is behind them is cut.
    """

    max_length: int
    overflow: Overflow = "end"
    windows: int = 1

    @property
    def longest(self) -> int:
        """The maximum number of ids in a row."""
        return self.max_length * (self.windows if self.overflow == "windows" else 1)

    @property
    def lost(self) -> str:
        """The part that texts lose if they are too long, in words."""
        return {"start": "beginning", "head_tail": "middle"}.get(self.overflow, "end")

    def needed(self, pieces: np.ndarray, texts: int = 1) -> np.ndarray:
        """Returns the number of ids, marks included, of rows with so many tokens in so many texts, int `[rows]`."""
        if self.overflow != "windows":
            return pieces + texts + 1
        return pieces + 2 * np.maximum(-(-pieces // (self.max_length - 2)), 1)

    def needed_by_pairs(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Returns the same for pairs that are read in `pair_windows`, given the tokens of both texts."""
        room = np.maximum(self.max_length - 3 - first, self.max_length - 3 - (self.max_length - 3) // 2)
        step = np.maximum(room - room // _OVERLAP, 1)
        windows = 1 - np.minimum(room - second, 0) // step
        return np.where(windows > 1, windows * self.max_length, first + second + 3)

    def text(self, pieces: tf.RaggedTensor, marks: Marks = TOKEN_MARKS) -> tf.RaggedTensor:
        """Returns `start text end`, int32 `[batch, None]`, at most `longest` ids."""
        if self.overflow == "windows":
            return self._in_windows(pieces, marks)
        return _joined(marks.start, self._cut(pieces, self.max_length - 2), marks.end)

    def pair(self, first: tf.RaggedTensor, second: tf.RaggedTensor, marks: Marks = TOKEN_MARKS) -> tf.RaggedTensor:
        """Returns `start first end second end`, int32 `[batch, None]`, at most `max_length` ids.

        If the pair is too long, its longer text is cut first. A text that is cut keeps at least half of the room.
        """
        room = self.max_length - 3
        first_length, second_length = first.row_lengths(), second.row_lengths()
        half = tf.constant(room // 2, first_length.dtype)
        kept_second = tf.minimum(second_length, tf.maximum(room - first_length, room - half))
        kept_first = room - kept_second
        kept = self._cut(first, kept_first), self._cut(second, kept_second)
        return _joined(marks.start, kept[0], marks.end, kept[1], marks.end)

    def pair_windows(self, first: tf.RaggedTensor, second: tf.RaggedTensor) -> "PairWindows":
        """Returns the windows in which the second texts of pairs are read, each together with its first text.

        A pair that fits has one window. Those of a longer one cover the second text, each a quarter of which the next
        one reads as well; what is behind the last of `windows` is left out. The first text is cut where it would leave
        less than half of the room.
        """
        whole = tf.constant(self.max_length - 3, tf.int64)
        room = tf.maximum(whole - first.row_lengths(), whole - whole // 2)
        step = tf.maximum(room - room // _OVERLAP, 1)
        counts = 1 + tf.maximum(second.row_lengths() - room + step - 1, 0) // step
        numbers = tf.ragged.range(tf.minimum(counts, self.windows))
        begins = numbers.flat_values * tf.gather(step, numbers.value_rowids())
        return PairWindows(numbers.with_flat_values(begins), room)

    def _cut(self, pieces: tf.RaggedTensor, lengths: tf.Tensor | int) -> tf.RaggedTensor:
        if self.overflow == "start":
            return _tail(pieces, lengths)
        if self.overflow == "head_tail":
            kept = tf.minimum(pieces.row_lengths(), tf.cast(lengths, pieces.row_splits.dtype))
            return _joined(_head(pieces, kept // _HEAD), _tail(pieces, kept - kept // _HEAD))
        return _head(pieces, lengths)

    def _in_windows(self, pieces: tf.RaggedTensor, marks: Marks) -> tf.RaggedTensor:
        room = self.max_length - 2
        kept = _head(pieces, self.windows * room)
        lengths = kept.row_lengths()
        windows = tf.maximum(-(-lengths // room), 1)
        # All windows but the last of a row are full.
        begun = tf.repeat(tf.cumsum(windows, exclusive=True), windows)
        number = tf.range(tf.reduce_sum(windows)) - begun
        of_window = tf.minimum(tf.repeat(lengths, windows) - number * room, room)
        split = tf.RaggedTensor.from_row_lengths(kept.flat_values, of_window, validate=False)
        marked = _joined(marks.start, split, marks.end).flat_values
        return tf.RaggedTensor.from_row_lengths(marked, lengths + 2 * windows, validate=False)


class PairWindows(NamedTuple):
    """The windows in which the second texts of pairs are read.

    Attributes:
        begins: the place of each window in its text, ragged int64 `[batch, windows]`.
        room: the maximum number of tokens in a window of each text, int64 `[batch]`.
    """

    begins: tf.RaggedTensor
    room: tf.Tensor

    def of(self, pieces: tf.RaggedTensor) -> tf.RaggedTensor:
        """Returns the tokens of second texts, ragged `[batch, None]`, in windows, ragged `[windows, None]`."""
        rows, begins = self.begins.value_rowids(), self.begins.flat_values
        kept = tf.minimum(tf.gather(pieces.row_lengths(), rows) - begins, tf.gather(self.room, rows))
        places = _places(tf.gather(pieces.row_starts(), rows) + begins, kept)
        return tf.RaggedTensor.from_row_lengths(tf.gather(pieces.flat_values, places), kept, validate=False)


def pack_target(pieces: tf.RaggedTensor, max_length: int) -> tf.RaggedTensor:
    """Returns `start target end`, int32 `[batch, None]`; the decoder reads and writes at most `max_length` ids."""
    return _joined(START_ID, _head(pieces, max_length - 1), END_ID)


def _head(pieces: tf.RaggedTensor, lengths: tf.Tensor | int) -> tf.RaggedTensor:
    """Returns the first tokens of each row; `lengths` is their number."""
    return _part(pieces, lengths, tf.cumsum(pieces.row_lengths(), exclusive=True))


def _tail(pieces: tf.RaggedTensor, lengths: tf.Tensor | int) -> tf.RaggedTensor:
    """Returns the last tokens of each row; `lengths` is their number."""
    present = pieces.row_lengths()
    return _part(pieces, lengths, tf.cumsum(present) - tf.minimum(present, tf.cast(lengths, present.dtype)))


def _part(pieces: tf.RaggedTensor, lengths: tf.Tensor | int, begin: tf.Tensor) -> tf.RaggedTensor:
    """Returns up to `lengths` tokens of each row, from the place `begin` of all tokens on.

    It works on flat values, because TensorFlow's slices and masks of ragged tensors consist of many ops, which take
    long to trace.
    """
    present = pieces.row_lengths()
    kept = tf.minimum(present, tf.cast(lengths, present.dtype))
    values = tf.gather(pieces.flat_values, _places(begin, kept))
    return tf.RaggedTensor.from_row_lengths(values, kept, validate=False)


def _joined(*parts: tf.RaggedTensor | int) -> tf.RaggedTensor:
    """Returns the parts concatenated row by row; a part that is a mark is added to each row.

    It puts flat values in their places, for the same reason as `_part`.
    """
    lengths = [1 if isinstance(part, int) else part.row_lengths() for part in parts]
    total = sum(lengths)
    begin, places, values = tf.cumsum(total, exclusive=True), [], []
    for part, length in zip(parts, lengths, strict=True):
        is_mark = isinstance(part, int)
        places.append(begin if is_mark else _places(begin, length))
        values.append(tf.fill(tf.shape(begin), part) if is_mark else part.flat_values)
        begin += length
    stitched = tf.dynamic_stitch([tf.cast(place, tf.int32) for place in places], values)
    return tf.RaggedTensor.from_row_lengths(stitched, total, validate=False)


def _places(begin: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Returns `begin`, `begin` + 1, ... for each row, as many as its length, all rows in one sequence."""
    one = tf.constant(1, begin.dtype)
    return tf.raw_ops.RaggedRange(starts=begin, limits=begin + lengths, deltas=one, Tsplits=tf.int64).rt_dense_values
