"""The Transformer layer of a causal trunk, which reads a text and writes on from it with the same weights."""

import keras
from keras import KerasTensor

from tfmtl.models.layers.transformer_layer import EncoderLayer


@keras.saving.register_keras_serializable("tfmtl")
class CausalLayer(EncoderLayer):
    """An encoder layer whose positions may also attend to keys and values of a text that stands before them."""

    def call(self, states, mask, text=None, start=0, training=None):
        """Returns `[batch, length, hidden]`.

        Args:
            states: `[batch, length, hidden]`.
            mask: bool, causal, broadcast over `[batch, heads, length, length]`.
            text: the text's keys, values and mask, if there is one before these positions.
            start: the place of the first position, int32 scalar.
            training: whether dropout is on.
        """
        before = [] if text is None else [text]

        def attend(here):
            return self.attention.attend_to_all(
                here, [*before, (*self.attention.keys_and_values(here, start), mask)], start
            )

        states = self._added(self.attention_norm, attend, states, training)
        return self._added(self.feedforward_norm, self.network, states, training)

    def keys_and_values(self, states) -> tuple[KerasTensor, KerasTensor]:
        """Returns the keys and values of a text, given what this layer has read of it, `[batch, length, hidden]`."""
        return self.attention.keys_and_values(self.attention_norm(states) if self.options.norm_first else states)

    def step(self, states, position, cache, text, start) -> tuple[KerasTensor, tuple]:
        """Writes one position.

        Args:
            states: `[batch, 1, hidden]`.
            position: its index in what is written, int32 scalar.
            cache: keys `[batch, heads, size, length]` and values `[batch, heads, length, size]` of the positions
                before.
            text: the text's keys, values and mask.
            start: the place of the first position that is written.

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
