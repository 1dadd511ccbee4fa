"""A tiny decoder whose every prediction depends on the row and on all pieces that were written before."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.generation.options import SearchOptions

PAD, START, END = 0, 1, 2


@dataclass(frozen=True)
class HistoryModel:
    """The state is a hash of the row and of the pieces read; it chooses the row of a table of log-probabilities."""

    table: np.ndarray

    def step(self, tokens, position, cache, context):
        """The graph: a cache that does not follow its hypothesis gives another hash, so other probabilities."""
        (state,), rows = cache["state"], context["row"]
        state = tf.where(position == 0, rows, (state * 31 + tokens) % len(self.table))
        return tf.gather(tf.constant(self.table), state), {"state": (state,)}

    @staticmethod
    def states(rows):
        """The cache and the context before the first step of rows int32 `[batch]`."""
        return {"state": (tf.zeros_like(rows),)}, {"row": rows}

    def next(self, row: int, written: tuple[int, ...]) -> np.ndarray:
        """The independent computation: log-probabilities `[vocabulary]` after `written`."""
        state = row
        for piece in written:
            state = (state * 31 + piece) % len(self.table)
        return self.table[state]

    def total(self, row: int, written: tuple[int, ...]) -> float:
        return float(sum(self.next(row, written[:index])[piece] for index, piece in enumerate(written)))

    def all_sequences(self, length: int):
        """Every sequence that ends within `length` pieces, its end mark included."""
        pieces = range(END + 1, self.table.shape[1])
        for size in range(length):
            for written in itertools.product(pieces, repeat=size):
                yield (*written, END)


@pytest.fixture
def history_model():
    def make(vocabulary: int = 8, seed: int = 0, scale: float = 2.0) -> HistoryModel:
        logits = np.random.default_rng(seed).normal(scale=scale, size=[101, vocabulary])
        return HistoryModel((logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32))

    return make


@pytest.fixture
def search_options():
    def make(**changes) -> SearchOptions:
        plain = {"beams": 1, "length_penalty": 0.0, "no_repeat_ngram": 0, "min_length": 0, "max_length": 6}
        return SearchOptions(**{**plain, "start_id": START, "end_id": END, "pad_id": PAD, **changes})

    return make


@pytest.fixture
def written():
    """The pieces of a batch of sequences up to the end mark, checked to be followed by padding only."""

    def unpad(sequences) -> list[tuple[int, ...]]:
        rows = []
        for tokens, length in zip(sequences.tokens.numpy(), sequences.lengths.numpy(), strict=True):
            assert (tokens[length:] == PAD).all() and (tokens[:length] != PAD).all()
            assert END not in tokens[: length - 1] and START not in tokens
            assert length == len(tokens) or tokens[length - 1] == END
            rows.append(tuple(int(piece) for piece in tokens[:length]))
        return rows

    return unpad
