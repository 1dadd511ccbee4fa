"""The use of a causal trunk as the writer of one task's summaries."""

import keras
from keras import KerasTensor, ops

from tfmtl.models.layers.positions import PositionEmbedding


@keras.saving.register_keras_serializable("tfmtl")
class ContinuationStart(keras.layers.Layer):
    """Embeds the continuation of a text, with its positions and a separator that identifies the task.

    Args:
        positions: the kind of positions; see `PositionEmbedding`.
        max_length: the maximum number of tokens that are written.
    """

    def __init__(self, positions: str, max_length: int, **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length
        self.positions = PositionEmbedding(positions, max_length, name="positions", dtype=self.dtype_policy)

    def build(self, embedded_shape):
        self.positions.build(embedded_shape)
        normal = keras.initializers.RandomNormal(stddev=0.1)
        self.separator = self.add_weight((embedded_shape[-1],), normal, name="separator")

    def call(self, embedded, start=0) -> KerasTensor:
        """Returns `[batch, length, hidden]`.

        Args:
            embedded: embeddings of the tokens, the start mark first, `[batch, length, hidden]`.
            start: the index of the first of them, int32 scalar.
        """
        scaled = embedded * ops.cast(ops.shape(embedded)[-1], embedded.dtype) ** 0.5
        return self.positions(scaled, start=start) + ops.cast(self.separator, embedded.dtype)

    def predicted(self, hidden) -> KerasTensor:
        """Returns the states as the embedding projects them to logits, `[batch, length, hidden]`."""
        return hidden

    def get_config(self):
        return {**super().get_config(), "positions": self.positions.kind, "max_length": self.max_length}


class Continuation:
    """Writes a task's summaries with a causal trunk; it has no weights of its own.

    Args:
        trunk: a trunk that also reads continuations, `call(embedded, tokens, context=...)`, with `keys_and_values`,
            `initial_cache` and `step`.
        start: the task's own layer, `call(embedded, start)`, with `predicted(hidden)` and `max_length`.
    """

    def __init__(self, trunk: keras.layers.Layer, start: keras.layers.Layer):
        self._trunk = trunk
        self._start = start

    @property
    def max_length(self) -> int:
        """The maximum number of tokens in a summary."""
        return self._start.max_length

    def __call__(self, embedded, states, tokens, training=None) -> KerasTensor:
        """Returns the states `[batch, length, hidden]` of a whole summary, like a decoder layer."""
        written = self._trunk(self._start(embedded), tokens, context=states.context, training=training)
        return self._start.predicted(written.last)

    def keys_and_values(self, states) -> list:
        """Returns each layer's keys and values of the texts, which are computed once per generation."""
        return self._trunk.keys_and_values(states.context)

    def initial_cache(self, states, tokens) -> list:
        """Returns each layer's keys and values of an empty summary."""
        return self._trunk.initial_cache(ops.shape(tokens)[0], self.max_length)

    def resume(self, embedded, cache, source, source_tokens) -> KerasTensor:
        """Returns the states `[batch, length, hidden]` of whole summaries, given the result of `initial_cache`."""
        return self.step(embedded, 0, cache, source, source_tokens)[0]

    def step(self, embedded, position, cache, source, source_tokens) -> tuple[KerasTensor, list]:
        """Writes one position, like a decoder layer."""
        started = self._start(embedded, start=position)
        hidden, cache = self._trunk.step(started, position, cache, source, source_tokens)
        return self._start.predicted(hidden), cache
