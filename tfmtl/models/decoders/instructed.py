"""Writing behind an instruction, which follows the text and which the text cannot see."""

from collections.abc import Callable, Sequence

import numpy as np
from keras import KerasTensor, ops

from tfmtl.models.decoders.continuation import Continuation


class Instructed:
    """A writer that reads an instruction before it writes; it has no weights of its own.

    The last token of the instruction takes the place of the start mark. Texts are read once for all tasks, whatever
    the number of instructions.

    Args:
        writer: the writer that continues texts; its `max_length` includes the instruction.
        embedding: the embedding of tokens.
        instruction: the ids of the instruction.
    """

    def __init__(self, writer: Continuation, embedding: Callable, instruction: Sequence[int]):
        self._writer = writer
        self._embedding = embedding
        self._instruction = np.array([instruction], np.int32)
        self._shift = len(instruction) - 1

    @property
    def max_length(self) -> int:
        """The maximum number of tokens that are written."""
        return self._writer.max_length - self._shift

    def __call__(self, embedded, states, tokens, training=None) -> KerasTensor:
        """Returns the states `[batch, length, hidden]` of whole targets, whose start mark is not read."""
        joined = ops.concatenate([embedded_rows(self._embedding, self._instruction, tokens), embedded[:, 1:]], axis=1)
        return self._writer(joined, states, tokens, training=training)[:, self._shift :]

    def keys_and_values(self, states) -> list:
        """Returns each layer's keys and values of the texts."""
        return self._writer.keys_and_values(states)

    def initial_cache(self, states, tokens) -> list:
        """Returns each layer's keys and values of the instruction but for its last token."""
        cache = self._writer.initial_cache(states, tokens)
        if not self._shift:
            return cache
        read = embedded_rows(self._embedding, self._instruction[:, :-1], tokens)
        return self._writer.step(read, 0, cache, self.keys_and_values(states), tokens)[1]

    def resume(self, embedded, cache, source, source_tokens) -> KerasTensor:
        """Returns the states `[batch, length, hidden]` of whole targets, given the result of `initial_cache`."""
        last = embedded_rows(self._embedding, self._instruction[:, -1:], source_tokens)
        joined = ops.concatenate([last, embedded[:, 1:]], axis=1)
        return self._writer.step(joined, self._shift, cache, source, source_tokens)[0]

    def step(self, embedded, position, cache, source, source_tokens) -> tuple[KerasTensor, list]:
        """Writes one position; the start mark, which is the first, is replaced by the instruction's last token."""
        last = embedded_rows(self._embedding, self._instruction[:, -1:], source_tokens)
        embedded = ops.where(ops.equal(position, 0), last, embedded)
        return self._writer.step(embedded, position + self._shift, cache, source, source_tokens)


def embedded_rows(embedding: Callable, ids: np.ndarray, tokens) -> KerasTensor:
    """Returns the embeddings of the same ids, int32 `[1, length]`, for each row of `tokens`, `[batch, length, width]`.

    The ids are made of the texts' tokens, because a functional model has no input without them.
    """
    return embedding(repeated(ids, tokens))


def repeated(ids: np.ndarray, tokens) -> KerasTensor:
    """Returns ids, int32 `[1, length]`, once for each row of `tokens`, int32 `[batch, length]`."""
    return ops.zeros_like(tokens[:, :1]) + ids
