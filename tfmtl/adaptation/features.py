"""The vectors of texts on which solved heads stand, read by a trained model and kept."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfmtl.data.streams import Examples
from tfmtl.generation.batch_reader import BatchReader
from tfmtl.generation.reader import Reader
from tfmtl.models.layers.pooling import LastPooling, MeanPooling
from tfmtl.models.layers.solved_head import PooledFeatures, pooling_for

POOLING = {"mean": MeanPooling, "last": LastPooling}


class View(NamedTuple):
    """Which states of the trunk are pooled, and how.

    Attributes:
        task: the name of a task of the run whose states are read; empty for those that all tasks share.
        pooling: `mean` or `last`; `None` means the one that is nearest to that of the trunk's heads.
        pair: whether the texts of a pair are pooled.
    """

    task: str = ""
    pooling: str | None = None
    pair: bool = False


class Features:
    """The vectors of texts, each of which is read once.

    Args:
        reader: the reader of the trained run.
        batch_size: the number of texts that are read together.
    """

    def __init__(self, reader: Reader, batch_size: int = 64):
        self._reader = reader
        self._batch_size = batch_size
        self._readers: dict[View, BatchReader] = {}
        self._kept: dict[tuple[View, str, str], np.ndarray] = {}

    def layer(self, view: View, name: str = "features") -> PooledFeatures:
        """Returns a new layer that makes the vectors of a view from states."""
        trunk = self._reader.model.network.layers.sharing.trunk
        pooling = POOLING[view.pooling] if view.pooling else pooling_for(trunk.pooling)
        return PooledFeatures(pooling, view.pair, name=name, dtype="float32")

    def of(self, view: View, rows: Examples) -> np.ndarray:
        """Returns the vectors of rows, float32 `[rows, width]`."""
        pairs = [""] * len(rows) if rows.text_pair is None else rows.text_pair
        keys = [(view, text, pair) for text, pair in zip(rows.text, pairs, strict=True)]
        new = list({key: row for row, key in enumerate(keys) if key not in self._kept}.values())
        if new:
            for row, vector in zip(new, self._read(view, rows.take(np.array(new))), strict=True):
                self._kept[keys[row]] = vector
        return np.stack([self._kept[key] for key in keys])

    def _read(self, view: View, rows: Examples) -> np.ndarray:
        if view not in self._readers:
            self._readers[view] = BatchReader(_VectorReader(self._reader, view, self.layer(view)), self._batch_size)
        reader = self._readers[view]
        return reader.answer(["text"], reader.tokenize(rows))["text"]["vector"]


class _VectorReader:
    """Answers every text with its vector, in the form that a `BatchReader` asks for."""

    def __init__(self, reader: Reader, view: View, layer: PooledFeatures):
        self.tokenizer, self.packing, self.units = reader.tokenizer, reader.packing, {}
        self._network, self._view, self._layer = reader.model.network, view, layer

    def answer(self, names: Sequence[str], tokens: tf.Tensor) -> dict[str, dict[str, tf.Tensor]]:
        encoded, shared = self._network.encode_shared(tokens)
        states = shared[0]
        if self._view.task:
            states, tokens = self._network.read_by_head(self._view.task, encoded)
        return {name: {"vector": self._layer(states, tokens)} for name in names}
