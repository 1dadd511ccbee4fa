"""Turns strings into packed tokens in graph, in parallel and in order."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import tensorflow as tf

from tfmtl.data.columns import RaggedColumn
from tfmtl.data.packing import NO_UNITS, Packing, pack_target
from tfmtl.data.special_tokens import PAD_ID
from tfmtl.data.units import Units, pieces_of_units

_TOKENIZED_AT_ONCE = 512
_STRINGS = tf.TensorSpec([None], tf.string)


def tokenize_texts(tokenizer, texts: np.ndarray, pairs: np.ndarray | None, packing: Packing) -> RaggedColumn:
    """Returns the packed rows of texts, or of pairs of texts, as the model reads them.

    Args:
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.
        texts: the texts, strings `[rows]`.
        pairs: the second texts, strings `[rows]`; `None` for single texts.
        packing: how tokens become rows.
    """
    if pairs is None:
        return _tokenize(_text_packer(tokenizer, packing), texts)[0]
    return _tokenize(_pair_packer(tokenizer, packing), texts, pairs)[0]


@dataclass(frozen=True)
class ReadUnits:
    """What leads from the tokens of texts back to their units.

    A text that is longer than the model reads at once is read in several windows.

    Attributes:
        numbers: for each token of each window the number of the unit that begins there, from 1; 0 within a unit and for
            marks.
        splits: the first window of each text, and the number of all windows, int64 `[rows + 1]`.
        texts: the texts that are cut into units, an object array of strings `[rows]`.
    """

    numbers: RaggedColumn
    splits: np.ndarray
    texts: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """The text of each window, int64 `[windows]`."""
        return np.repeat(np.arange(len(self.texts)), np.diff(self.splits))


@dataclass(frozen=True)
class ReadTexts:
    """Texts as the model reads them.

    Attributes:
        tokens: the packed rows, one for each text; with units, one for each window.
        units: the units of the texts; `None` if they are not read by units.
    """

    tokens: RaggedColumn
    units: ReadUnits | None = None

    def __len__(self) -> int:
        return len(self.tokens) if self.units is None else len(self.units.texts)

    @property
    def lengths(self) -> np.ndarray:
        """The number of tokens of each text, in its first window if there are several, int64 `[rows]`."""
        return self.tokens.lengths if self.units is None else self.tokens.lengths[self.units.splits[:-1]]

    @property
    def entries(self) -> np.ndarray:
        """For each packed row the text that it is or begins with, or -1 for a further window, int64 `[windows]`."""
        if self.units is None:
            return np.arange(len(self.tokens))
        entries = np.full(len(self.tokens), -1, np.int64)
        entries[self.units.splits[:-1]] = np.arange(len(self))
        return entries

    def take(self, rows: np.ndarray) -> Self:
        """Returns the texts at the indices `rows`, in that order."""
        if self.units is None:
            return ReadTexts(self.tokens.take(rows))
        counts = np.diff(self.units.splits)[rows]
        splits = np.concatenate([[0], np.cumsum(counts)])
        windows = np.repeat(self.units.splits[:-1][rows] - splits[:-1], counts) + np.arange(splits[-1])
        units = ReadUnits(self.units.numbers.take(windows), splits, self.units.texts[rows])
        return ReadTexts(self.tokens.take(windows), units)

    @classmethod
    def empty(cls, units: Units | None) -> Self:
        """Returns no texts, which are read by `units`."""
        column = RaggedColumn.empty()
        return cls(column, units and ReadUnits(column, np.zeros(1, np.int64), np.zeros(0, object)))


def read_texts(
    tokenizer, texts: np.ndarray, pairs: np.ndarray | None, packing: Packing, units: Units | None
) -> ReadTexts:
    """Returns texts, or pairs of texts, as the model reads them; see `tokenize_texts`.

    Args:
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.
        texts: the texts, strings `[rows]`.
        pairs: the second texts, strings `[rows]`; `None` for single texts.
        packing: how tokens become rows.
        units: the units by which the last text of each row is read; `None` if it is read as a whole.
    """
    if units is None:
        return ReadTexts(tokenize_texts(tokenizer, texts, pairs, packing))
    columns = [texts] if pairs is None else [texts, pairs]
    tokens, numbers, windows = _tokenize(_unit_packer(tokenizer, packing, units, len(columns)), *columns)
    return ReadTexts(tokens, ReadUnits(numbers, windows.splits, columns[-1]))


def tokenize_targets(tokenizer, targets: Sequence[str | None], max_length: int) -> RaggedColumn:
    """Returns the packed rows of texts that a decoder is to write; a row without a target is empty.

    Args:
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.
        targets: the texts `[rows]`; `None` where a row has no target.
        max_length: the maximum number of tokens that are written, including the end mark.
    """
    present = np.fromiter((target is not None for target in targets), bool, len(targets))
    texts = np.array([target for target in targets if target is not None], object)
    packed = _tokenize(_target_packer(tokenizer, max_length), texts)[0]
    return packed.take(np.where(present, np.cumsum(present) - 1, -1))


def token_counts(tokenizer, texts: Sequence[str], units: Units | None = None) -> np.ndarray:
    """Returns the number of tokens of each text, without marks, int `[rows]`; of texts read by units if there are."""
    return _counter(tokenizer, units)(tf.constant(list(texts))).numpy()


def pack_units(tokenizer, units: Units, packing: Packing, *texts: tf.Tensor) -> tuple[tf.RaggedTensor, ...]:
    """Returns packed rows of which the last text is read by units, in graph.

    With `windows`, the second text of a pair is read in several rows if it is too long for one.

    Args:
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.
        units: the units.
        packing: how tokens become rows.
        *texts: the texts, or the first and the second texts of pairs, string `[batch]` each.

    Returns:
        The tokens and the numbers of the units that begin at them, ragged int32 `[windows, None]` each; and the places
        in each text where its windows begin, ragged int64 `[batch, None]`.
    """
    pieces, numbers = pieces_of_units(tokenizer, units, texts[-1])
    rows = tf.size(texts[-1], tf.int64)
    one_each = tf.RaggedTensor.from_row_splits(tf.zeros([rows], tf.int64), tf.range(rows + 1), validate=False)
    if len(texts) == 1:
        return packing.text(pieces), packing.text(numbers, NO_UNITS), one_each
    first = tokenizer.tokenize(texts[0])
    if packing.overflow == "windows":
        windows = packing.pair_windows(first, pieces)
        pieces, numbers, one_each = windows.of(pieces), windows.of(numbers), windows.begins
        first = tf.gather(first, one_each.value_rowids())
    none = first.with_flat_values(tf.zeros_like(first.flat_values))
    return packing.pair(first, pieces), packing.pair(none, numbers, NO_UNITS), one_each


def written_back(tokenizer, texts: Sequence[str]) -> list[str]:
    """Returns the texts that a tokenizer makes of the tokens of texts."""
    return [text.decode("utf-8", "replace") for text in _there_and_back(tokenizer)(tf.constant(list(texts))).numpy()]


# Cached, so that each function is traced once for all splits.
@functools.lru_cache(maxsize=4)
def _text_packer(tokenizer, packing: Packing):
    return tf.function(lambda text: [packing.text(tokenizer.tokenize(text))], [_STRINGS], autograph=False)


@functools.lru_cache(maxsize=4)
def _pair_packer(tokenizer, packing: Packing):
    def pack(text, pair):
        return [packing.pair(tokenizer.tokenize(text), tokenizer.tokenize(pair))]

    return tf.function(pack, [_STRINGS, _STRINGS], autograph=False)


@functools.lru_cache(maxsize=4)
def _target_packer(tokenizer, max_length: int):
    return tf.function(lambda text: [pack_target(tokenizer.tokenize(text), max_length)], [_STRINGS], autograph=False)


@functools.lru_cache(maxsize=4)
def _unit_packer(tokenizer, packing: Packing, units: Units, texts: int):
    def pack(*texts: tf.Tensor):
        return list(pack_units(tokenizer, units, packing, *texts))

    return tf.function(pack, [_STRINGS] * texts, autograph=False)


@functools.lru_cache(maxsize=4)
def _there_and_back(tokenizer):
    def written(texts):
        return tokenizer.detokenize(tokenizer.tokenize(texts).to_tensor(PAD_ID))

    return tf.function(written, [_STRINGS], autograph=False)


@functools.lru_cache(maxsize=4)
def _counter(tokenizer, units: Units | None):
    def count(text: tf.Tensor) -> tf.Tensor:
        pieces = tokenizer.tokenize(text) if units is None else pieces_of_units(tokenizer, units, text)[0]
        return pieces.row_lengths()

    return tf.function(count, [_STRINGS], autograph=False)


def _tokenize(pack, *columns: np.ndarray) -> list[RaggedColumn]:
    """Returns the columns that `pack` makes of columns of strings."""
    if not len(columns[0]):
        return [RaggedColumn.empty()] * len(pack.get_concrete_function().structured_outputs)
    tensors = tuple(tf.constant(column.tolist()) for column in columns)
    if len(columns[0]) <= _TOKENIZED_AT_ONCE:
        # For so few rows, a pipeline would take longer to build than to tokenize them directly.
        return [_column(part) for part in pack(*tensors)]
    rows = tf.data.Dataset.from_tensor_slices(tensors).batch(_TOKENIZED_AT_ONCE)
    packed = rows.map(lambda *batch: tuple(pack(*batch)), num_parallel_calls=tf.data.AUTOTUNE)
    batches = zip(*(map(_column, batch) for batch in packed.prefetch(tf.data.AUTOTUNE)), strict=True)
    return [RaggedColumn.join(parts) for parts in batches]


def _column(packed: tf.RaggedTensor) -> RaggedColumn:
    return RaggedColumn(packed.values.numpy(), packed.row_splits.numpy())
