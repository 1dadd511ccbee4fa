"""Multi-head attention (Vaswani et al. 2017, section 3.2.2), split so that a decoder can cache keys and values."""

import keras
import keras_hub
from keras import KerasTensor, ops

from tfmtl.models.layers.layer_change import UNCHANGED, LayerChange
from tfmtl.models.layers.tokens import score_bias


@keras.saving.register_keras_serializable("tfmtl")
class Attention(keras.layers.Layer):
    """Multi-head scaled dot-product attention.

    Differences from `keras.layers.MultiHeadAttention`: keys and values come from one projection that can be computed
    apart from the queries, so that generation computes those of the source once and appends those of the summary to a
    cache; keys are kept transposed, which saves a transposition in each product; the softmax is computed in float32
    under any policy.

    Args:
        heads: the number of attention heads, which must divide the width.
        rotary: whether queries and keys are rotated by their positions (Su et al. 2021), so that a score depends on the
            distance between two positions; only for self-attention, and for heads of an even width.
    """

    def __init__(self, heads: int, rotary: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        self.rotary = rotary

    def build(self, query_shape, source_shape=None):
        hidden = query_shape[-1]
        if hidden % self.heads:
            raise ValueError(f"a width of {hidden} cannot be split over {self.heads} attention heads")
        self.size = hidden // self.heads
        if self.rotary:
            # In half precision, positions beyond a few hundred would be indistinguishable.
            self.rotation = keras_hub.layers.RotaryEmbedding(name="rotation", dtype="float32")
        dense = {"kernel_initializer": "glorot_uniform", "dtype": self.dtype_policy}
        self.query = keras.layers.Dense(hidden, name="query", **dense)
        # A bias of the keys has no effect on the softmax, and one of the values is the same as one of the output.
        self.key_value = keras.layers.Dense(2 * hidden, use_bias=False, name="key_value", **dense)
        self.output_projection = keras.layers.Dense(hidden, name="output", **dense)
        self.query.build(query_shape)
        self.key_value.build(source_shape or query_shape)
        self.output_projection.build(query_shape)

    def call(self, query, source, mask, change: LayerChange = UNCHANGED):
        """Attends from each position of `query` to those of `source`.

        Args:
            query: `[batch, length, hidden]`.
            source: `[batch, source_length, hidden]`.
            mask: bool, broadcast to `[batch, heads, length, source_length]`: true where attention is allowed.
            change: what is different in queries and values for one task.

        Returns:
            `[batch, length, hidden]`.
        """
        return self.attend_to_all(query, [(*self.keys_and_values(source, change=change), mask)], change=change)

    def keys_and_values(
        self, source: KerasTensor, start=0, change: LayerChange = UNCHANGED
    ) -> tuple[KerasTensor, KerasTensor]:
        """Returns keys `[batch, heads, size, source_length]` and values `[batch, heads, source_length, size]`.

        Args:
            source: `[batch, source_length, hidden]`.
            start: the index of its first position, int32 scalar.
            change: what is different in the values for one task.
        """
        shape = (-1, ops.shape(source)[1], self.heads, self.size)
        # Not by indexing after one reshape, whose gradient took a sixth of an update.
        keys, values = ops.split(self.key_value(source), 2, axis=-1)
        keys, values = ops.reshape(keys, shape), ops.reshape(change.value(values, source), shape)
        return ops.transpose(self._turned(keys, start), (0, 2, 3, 1)), ops.transpose(values, (0, 2, 1, 3))

    def attend(self, query, keys, values, mask, start=0) -> KerasTensor:
        """Attends with the keys and values made by `keys_and_values`.

        Args:
            query: `[batch, length, hidden]`.
            keys: the keys returned by `keys_and_values`.
            values: the values returned by `keys_and_values`.
            mask: as in `call`.
            start: the index of the query's first position, int32 scalar.

        Returns:
            `[batch, length, hidden]`.
        """
        return self.attend_to_all(query, [(keys, values, mask)], start)

    def attend_to_all(self, query, parts, start=0, change: LayerChange = UNCHANGED) -> KerasTensor:
        """Attends to several sequences as if they were one, without copying their keys and values into one.

        Args:
            query: `[batch, length, hidden]`.
            parts: the keys, values and mask of each sequence, as in `attend`.
            start: the index of the query's first position, int32 scalar.
            change: what is different in the queries for one task.

        Returns:
            `[batch, length, hidden]`.
        """
        length = ops.shape(query)[1]
        projected = change.query(self.query(query), query)
        queries = ops.reshape(projected * self.size**-0.5, (-1, length, self.heads, self.size))
        queries = ops.transpose(self._turned(queries, start), (0, 2, 1, 3))
        scores = [ops.cast(ops.matmul(queries, keys), "float32") + score_bias(mask) for keys, _, mask in parts]
        context = 0.0
        for weights, (_, values, _) in zip(_shares(scores), parts, strict=True):
            context += ops.matmul(ops.cast(weights, values.dtype), values)
        merged = ops.reshape(ops.transpose(context, (0, 2, 1, 3)), (-1, length, self.heads * self.size))
        return self.output_projection(merged)

    def appended(self, source, place, keys, values, start=0) -> tuple[KerasTensor, KerasTensor]:
        """Returns the keys and values of a growing sequence with those of one more position filled in.

        Args:
            source: the state at the position, `[batch, 1, hidden]`.
            place: its index in the sequence, int32 scalar.
            keys: `[batch, heads, size, length]`.
            values: `[batch, heads, length, size]`.
            start: the index of the sequence's first position, int32 scalar.
        """
        new_keys, new_values = self.keys_and_values(source, start + place)
        here = ops.equal(ops.arange(ops.shape(values)[2]), place)
        keys = ops.where(here[None, None, None, :], new_keys, keys)
        return keys, ops.where(here[None, None, :, None], new_values, values)

    def _turned(self, parts, start):
        return ops.cast(self.rotation(parts, start_index=start), parts.dtype) if self.rotary else parts

    def get_config(self):
        return {**super().get_config(), "heads": self.heads, "rotary": self.rotary}


def _shares(scores: list[KerasTensor]) -> list[KerasTensor]:
    """Returns the softmax over the positions of all sequences, `[..., source_length]` for each."""
    if len(scores) == 1:
        return [ops.softmax(scores[0], axis=-1)]
    weights, shares, begin = ops.softmax(ops.concatenate(scores, axis=-1), axis=-1), [], 0
    for part in scores:
        end = begin + ops.shape(part)[-1]
        shares.append(weights[..., begin:end])
        begin = end
    return shares
