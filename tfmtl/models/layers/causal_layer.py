"""The Transformer layer of a causal trunk, which reads a text and continues it with the same weights."""

from functools import partial

import keras
from keras import KerasTensor

from tfmtl.models.layers.transformer_layer import EncoderLayer


@keras.saving.register_keras_serializable("tfmtl")
class CausalLayer(EncoderLayer):
    """An encoder layer whose positions may also attend to the keys and values of a preceding text."""

    def call(self, states, mask, text=None, start=0, training=None):
        """Returns `[batch, length, hidden]`.

        Args:
            states: `[batch, length, hidden]`.
            mask: bool, causal, broadcast to `[batch, heads, length, length]`.
            text: the keys, values and mask of a text before these positions; `None` if there is none.
            start: the index of the first position, int32 scalar.
            training: whether dropout is on.
        """
        before = [] if text is None else [text]

        def attend(here):
            return self.attention.attend_to_all(
                here, [*before, (*self.attention.keys_and_values(here, start), mask)], start
            )

        states = self._added(self.attention_norm, attend, states, training)
        feed = partial(self.network, training=training)
        return self._added(self.feedforward_norm, feed, states, training)

    def keys_and_values(self, states) -> tuple[KerasTensor, KerasTensor]:
        """Returns the keys and values of a text, given the input of this layer for it, `[batch, length, hidden]`."""
        return self.attention.keys_and_values(self.attention_norm(states) if self.options.norm_first else states)

    def step(self, states, position, cache, text, start) -> tuple[KerasTensor, tuple]:
        """Writes one position.

        Args:
            states: `[batch, 1, hidden]`.
            position: its index in the continuation, int32 scalar.
            cache: keys `[batch, heads, size, length]` and values `[batch, heads, length, size]` of the previous
                positions.
            text: the text's keys, values and mask.
            start: the index of the continuation's first position.

        Returns:
            The states `[batch, 1, hidden]` and the cache with this position's keys and values in it.
        """
        keys, values = cache
        written = (keras.ops.arange(keras.ops.shape(values)[2]) <= position)[None, None, None, :]

        def attend(here):
            nonlocal keys, values
            keys, values = self.attention.appended(here, position, keys, values, start)
            return self.attention.attend_to_all(here, [text, (keys, values, written)], start + position)

        states = self._added(self.attention_norm, attend, states)
        return self._added(self.feedforward_norm, self.network, states), (keys, values)
