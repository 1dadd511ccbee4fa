"""A model's answers to a split, which metrics compare with the targets."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfmtl.data.columns import RaggedColumn
from tfmtl.data.plan import bucket_length
from tfmtl.data.special_tokens import PAD_ID
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.tokenized import tokenize_texts
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
        self._functions: dict[tuple[str, ...], tf.types.experimental.PolymorphicFunction] = {}

    def tokenize(self, examples: Examples) -> RaggedColumn:
        """Returns the packed rows of examples."""
        return tokenize_texts(self.reader.tokenizer, examples.text, examples.text_pair, self.reader.packing)

    def answer(self, names: Iterable[str], rows: RaggedColumn) -> dict[str, Answer]:
        """Returns the answers of the tasks `names` in the order of the rows: arrays `[rows, ...]`, strings decoded."""
        names = tuple(names)
        if names not in self._functions:
            self._functions[names] = self._trace(names)
        function = self._functions[names]
        order = np.argsort(-rows.lengths, kind="stable")
        parts = [function(_padded(rows, chosen)) for chosen in _batches(order, self._batch_size)]
        back = np.argsort(order, kind="stable")
        return {
            name: {suffix: _as_array([part[name][suffix] for part in parts])[back] for suffix in parts[0][name]}
            for name in names
        }

    def _trace(self, names: Sequence[str]):
        signature = [tf.TensorSpec([None, None], tf.int32)]
        return tf.function(lambda tokens: self.reader.answer(names, tokens), signature, autograph=False)


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


def _padded(rows: RaggedColumn, chosen: np.ndarray) -> np.ndarray:
    taken = rows.take(chosen)
    longest = taken.lengths.max(keepdims=True, initial=2)
    length = min(int(bucket_length(longest)[0]), int(rows.lengths.max(initial=2)))
    padded = np.full((len(chosen), length), PAD_ID, np.int32)
    padded[np.arange(length) < taken.lengths[:, None]] = taken.values
    return padded


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


def _as_array(parts: list[tf.Tensor]) -> np.ndarray:
    return decoded(np.concatenate([part.numpy() for part in parts]))
