"""Cuts texts into units, such as words, about each of which a task says something."""

from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

_WHITE_SPACE = r"\x{9}-\x{d}\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
"""The characters that Python's `str.split` splits at, as a class of RE2."""
_MARK = "\x1e"
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""The scripts that put no spaces between words, as a class of RE2."""


class Split(NamedTuple):
    """Texts that are cut into units.

    Attributes:
        units: the units, ragged string `[batch, units]`.
        begins: the offset of each unit in its text in bytes, ragged int64 `[batch, units]`.
        ends: the offset behind each unit, likewise.
    """

    units: tf.RaggedTensor
    begins: tf.RaggedTensor
    ends: tf.RaggedTensor


@dataclass(frozen=True)
class Units:
    """A way to cut texts into units; white space separates them and belongs to none.

    Attributes:
        alone: a regular expression of RE2 for what is a unit of its own wherever it is; empty for nothing.
    """

    alone: str = ""

    def split(self, texts: tf.Tensor) -> Split:
        """Returns the units of texts, string `[batch]`, in graph; its ops are TensorFlow's own."""
        # Marks are put around what separates units. They are white space, and one in a text is replaced by another.
        plain = tf.strings.regex_replace(texts, _MARK, " ")
        between = "|".join(filter(None, [f"[{_WHITE_SPACE}]+", self.alone]))
        parts = tf.strings.split(tf.strings.regex_replace(plain, between, rf"{_MARK}\0{_MARK}"), _MARK)
        lengths = tf.strings.length(parts.flat_values)
        ends = tf.concat([[0], tf.cumsum(tf.cast(lengths, tf.int64))], axis=0)
        # Offsets count from the beginning of each text.
        first = tf.gather(tf.gather(ends, parts.row_starts()), parts.value_rowids())
        is_unit = ~tf.strings.regex_full_match(parts.flat_values, f"[{_WHITE_SPACE}]*")
        chosen = tf.where(is_unit)[:, 0]
        counts = tf.concat([[0], tf.cumsum(tf.cast(is_unit, tf.int64))], axis=0)
        row_splits = tf.gather(counts, parts.row_splits)
        flat = (parts.flat_values, ends[:-1] - first, ends[1:] - first)
        return Split(
            *(tf.RaggedTensor.from_row_splits(tf.gather(values, chosen), row_splits, validate=False) for values in flat)
        )


WORDS = Units()
"""What is between white space, as in Python's `str.split`."""

WORDS_AND_SIGNS = Units(rf"[{_UNSPACED}]\p{{M}}*|[^\p{{L}}\p{{M}}\p{{N}}{_WHITE_SPACE}]")
"""Runs of letters and digits, and every other character by itself; each letter of a script without spaces as well."""


def pieces_of_units(tokenizer, units: Units, texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Returns the tokens of texts whose units are tokenized one by one, and which unit begins at each token.

    No token then belongs to two units. A unit of which the tokenizer keeps nothing, such as an invisible character, has
    no token.

    Args:
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.
        units: the way in which the texts are cut.
        texts: string `[batch]`.

    Returns:
        The ids, ragged int32 `[batch, length]`; and in the same shape the number of the unit whose first token it is,
        from 1, or 0 for a further token of a unit.
    """
    split = units.split(texts)
    starts, rows = split.units.row_starts(), split.units.value_rowids()
    # The place of each unit in its text.
    places = tf.range(tf.size(rows, tf.int64)) - tf.gather(starts, rows)
    begins, ends = split.begins.flat_values, split.ends.flat_values
    spaced = (places > 0) & (begins > tf.concat([[0], ends[:-1]], axis=0)[: tf.size(begins)])
    pieces = tokenizer.tokenize_units(split.units.flat_values, spaced)
    unit_of = pieces.value_rowids()
    is_first = tf.range(tf.size(unit_of, tf.int64)) == tf.gather(pieces.row_starts(), unit_of)
    numbers = tf.where(is_first, tf.gather(places, unit_of) + 1, 0)
    row_splits = tf.gather(pieces.row_splits, split.units.row_splits)

    def of_texts(values: tf.Tensor) -> tf.RaggedTensor:
        return tf.RaggedTensor.from_row_splits(tf.cast(values, tf.int32), row_splits, validate=False)

    return of_texts(pieces.flat_values), of_texts(numbers)


class UnitsOfBatch(NamedTuple):
    """The units of a batch of texts, in graph.

    Attributes:
        numbers: for each token the number of the unit that begins there, from 1, or 0, int32 `[windows, length]`.
        rows: the text of each window, in order, int32 `[windows]`.
        texts: the texts that are cut into units, string `[batch]`.
    """

    numbers: tf.Tensor
    rows: tf.Tensor
    texts: tf.Tensor

    def summed(self, values: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """Returns the values at the first token of each unit, `[batch, width, size]`, summed over windows.

        Args:
            values: the values of each token, `[windows, length, size]`.
            width: the number of units, an int32 scalar, at least as large as the largest number.
        """
        first = tf.where(self.numbers > 0)
        places = tf.stack([tf.gather(self.rows, first[:, 0]), tf.gather_nd(self.numbers, first) - 1], axis=1)
        return tf.scatter_nd(places, tf.gather_nd(values, first), [tf.size(self.texts), width, values.shape[-1]])

    def first_windows(self) -> tf.Tensor:
        """Returns the first window of each text, int32 `[batch]`."""
        windows = tf.range(tf.size(self.rows))
        return tf.math.unsorted_segment_min(windows, self.rows, tf.size(self.texts))
