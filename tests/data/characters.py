"""A tokenizer whose pieces are characters, and what it makes of texts."""

import numpy as np
import tensorflow as tf

from tfmtl.data.special_tokens import END_ID, START_ID


class Characters:
    """A tokenizer whose pieces are characters: `a` is 4."""

    def tokenize(self, texts):
        return tf.strings.unicode_decode(texts, "UTF-8") - ord("a") + 4


def ids(text):
    return [ord(character) - ord("a") + 4 for character in text]


def packed(*texts):
    return [START_ID, *(piece for text in texts for piece in [*ids(text), END_ID])]


def objects(values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def rows_of(column):
    """The rows of a ragged column, as lists."""
    return [column.values[start:end].tolist() for start, end in zip(column.splits, column.splits[1:], strict=False)]
