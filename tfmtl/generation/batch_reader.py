"""A model's answers to a split, which metrics compare with the targets."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfmtl.data.columns import RaggedColumn
from tfmtl.data.plan import bucket_length
from tfmtl.data.special_tokens import PAD_ID
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.tokenized import ReadTexts, read_texts
from tfmtl.data.units import UnitsOfBatch
from tfmtl.generation.reader import Reader
from tfmtl.kinds.kind import Answer


class BatchReader:
    """Answers tasks about many rows, in batches of similar length.

    The traced functions are kept, so that a model that is measured after each epoch is traced only once.

    Args:
        reader: the reader of the model.
        batch_size: the number of rows in a batch.
    """

    def __init__(self, reader: Reader, batch_size: int):
        self.reader = reader
        self._batch_size = batch_size
        self._functions: dict[tuple, tf.types.experimental.PolymorphicFunction] = {}

    def tokenize(self, examples: Examples) -> ReadTexts:
        """Returns examples as the model reads them for the tasks that they have targets of."""
        units = next((self.reader.units[name] for name in examples.targets if name in self.reader.units), None)
        return read_texts(self.reader.tokenizer, examples.text, examples.text_pair, self.reader.packing, units)

    def answer(self, names: Iterable[str], rows: ReadTexts) -> dict[str, Answer]:
        """Returns the answers of the tasks `names` in the order of the rows: arrays `[rows, ...]`, strings decoded."""
        names, has_units = tuple(names), rows.units is not None
        if (names, has_units) not in self._functions:
            self._functions[names, has_units] = self._trace(names, has_units)
        function = self._functions[names, has_units]
        order = np.argsort(-rows.lengths, kind="stable")
        parts = [function(*_padded(rows, chosen)) for chosen in _batches(order, self._batch_size)]
        back = np.argsort(order, kind="stable")
        return {
            name: {suffix: as_array([part[name][suffix] for part in parts])[back] for suffix in parts[0][name]}
            for name in names
        }

    def _trace(self, names: Sequence[str], has_units: bool):
        tokens = tf.TensorSpec([None, None], tf.int32)
        windows, texts = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.string)
        units = [UnitsOfBatch(tokens, windows, texts)] if has_units else []
        return tf.function(lambda *packed: self.reader.answer(names, *packed), [tokens, *units], autograph=False)


def answer_split(batch_reader: BatchReader, streams: Iterable[Stream], split: str) -> dict[str, Answer]:
    """Returns every task's answers to a split of its stream."""
    answers = {}
    for stream in streams:
        names = [task.name for task in stream.tasks]
        answers |= batch_reader.answer(names, batch_reader.tokenize(stream.splits[split]))
    return answers


def _batches(order: np.ndarray, size: int) -> Iterable[np.ndarray]:
    """Yields up to `size` rows at a time; without rows, one empty batch, so that the answers have a shape."""
    return (order[start : start + size] for start in range(0, max(len(order), 1), size))


def _padded(rows: ReadTexts, chosen: np.ndarray) -> list:
    """Returns some rows as the arguments of a traced function, padded to the same length."""
    taken = rows.take(chosen)
    longest = taken.tokens.lengths.max(keepdims=True, initial=2)
    length = min(int(bucket_length(longest)[0]), int(rows.tokens.lengths.max(initial=2)))
    tokens = _to_length(taken.tokens, length, PAD_ID)
    if taken.units is None:
        return [tokens]
    texts = tf.constant([text.encode("utf-8", "replace") for text in taken.units.texts], tf.string)
    windows = tf.constant(taken.units.rows, tf.int32)
    return [tokens, UnitsOfBatch(_to_length(taken.units.numbers, length, 0), windows, texts)]


def _to_length(column: RaggedColumn, length: int, padding: int) -> tf.Tensor:
    padded = np.full((len(column), length), padding, np.int32)
    padded[np.arange(length) < column.lengths[:, None]] = column.values
    return tf.constant(padded)


def as_arrays(answer: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """Returns the tensors of an answer as arrays, strings decoded."""
    return {suffix: decoded(value.numpy()) for suffix, value in answer.items()}


def decoded(texts: np.ndarray) -> np.ndarray:
    """Returns bytes as an object array of strings, invalid UTF-8 replaced; numbers as they are."""
    if texts.dtype != object:
        return texts
    strings = np.empty(texts.shape, object)
    strings.flat = [text.decode("utf-8", "replace") for text in texts.flat]
    return strings


def as_array(parts: Sequence[tf.Tensor]) -> np.ndarray:
    """Returns batches of an output as one array, strings decoded; strings are padded with "" to the same number."""
    arrays = [part.numpy() for part in parts]
    return decoded(rows_joined(arrays) if arrays[0].dtype == object else np.concatenate(arrays))


def rows_joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the rows of arrays of strings, `[rows]` or `[rows, some]`, padded with "" to the same width."""
    if parts[0].ndim == 1:
        return np.concatenate(parts)
    joined = np.full((sum(map(len, parts)), max(part.shape[1] for part in parts)), b"", object)
    start = 0
    for part in parts:
        joined[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    return joined
