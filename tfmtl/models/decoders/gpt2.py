"""A pretrained causal trunk that writes on from what it has read: GPT-2, as KerasHub has it."""

import keras
import keras_hub
from keras import KerasTensor, ops

from tfmtl.core.private_api import self_attention
from tfmtl.models.layers.tokens import token_mask


class GPT2Trunk(keras.layers.Layer):
    """The layers of a GPT-2 (Radford et al. 2019), for texts and for what stands behind them.

    What is written has the places that follow its own text, whatever padding stands between them.

    Args:
        backbone: whose layers they are, with their weights.

    Attributes:
        longest: the most pieces of a text and what is written behind it.
    """

    def __init__(self, backbone: keras_hub.models.GPT2Backbone, **kwargs):
        super().__init__(dtype=backbone.dtype_policy, **kwargs)
        self.longest = backbone.max_sequence_length
        self._width, self._heads = backbone.hidden_dim, backbone.num_heads
        self.positions = backbone.position_embedding
        self.dropout = backbone.embeddings_dropout
        self.layers = backbone.transformer_layers
        self.norm = backbone.layer_norm
        self.built = True

    def read(self, embedded, tokens, training=None) -> list[KerasTensor]:
        """Returns what each layer reads of texts, `[batch, length, hidden]`, and last what all of them make."""
        hidden = self.dropout(embedded + self.positions(embedded), training=training)
        found, mask = [], token_mask(tokens)
        for layer in self.layers:
            found.append(hidden)
            hidden = layer(hidden, decoder_padding_mask=mask, training=training)
        return [*found, self.norm(hidden)]

    def keys_and_values(self, context) -> list[KerasTensor]:
        """Returns each layer's keys and values of texts `[batch, 2, length, heads, size]`, given what each has read."""
        return [_keys_and_values(layer, read) for layer, read in zip(self.layers, context, strict=True)]

    def write(self, embedded, read, tokens, training=None) -> KerasTensor:
        """Returns the states `[batch, length, hidden]` of what stands behind texts.

        Args:
            embedded: of all its pieces, `[batch, length, hidden]`.
            read: of `keys_and_values`.
            tokens: ids of the texts, int32 `[batch, text_length]`.
            training: whether dropout is on.
        """
        places = ops.arange(ops.shape(embedded)[1])
        hidden = self._placed(embedded, places, tokens, training)
        seen = self._seen(tokens, places[:, None] >= places[None, :])
        for layer, source in zip(self.layers, read, strict=True):
            hidden = _through(layer, hidden, source, _keys_and_values(layer, hidden), seen, training)
        return self.norm(hidden)

    def step(self, embedded, position, written, read, tokens) -> tuple[KerasTensor, list[KerasTensor]]:
        """Writes one position.

        Args:
            embedded: of its piece, `[batch, 1, hidden]`.
            position: its index in what is written, int32 scalar.
            written: each layer's keys and values of the positions before.
            read: of `keys_and_values`.
            tokens: ids of the texts, int32 `[batch, text_length]`.

        Returns:
            The state `[batch, 1, hidden]` and the new keys and values.
        """
        hidden = self._placed(embedded, position, tokens, training=False)
        seen = self._seen(tokens, (ops.arange(ops.shape(written[0])[2]) <= position)[None])
        new = []
        for layer, source, before in zip(self.layers, read, written, strict=True):
            own = ops.slice_update(before, (0, 0, position, 0, 0), _keys_and_values(layer, hidden))
            hidden = _through(layer, hidden, source, own, seen, training=False)
            new.append(own)
        return self.norm(hidden), new

    def nothing(self, batch_size, length) -> list[KerasTensor]:
        """Returns each layer's keys and values `[batch, 2, length, heads, size]` of what is not written yet."""
        shape = (batch_size, 2, length, self._heads, self._width // self._heads)
        return [ops.zeros(shape, self.compute_dtype) for _ in self.layers]

    def _placed(self, embedded, places, tokens, training):
        places = ops.sum(ops.cast(token_mask(tokens), "int32"), axis=1, keepdims=True) + places
        positions = ops.take(self.positions.position_embeddings, places, axis=0)
        return self.dropout(embedded + ops.cast(positions, embedded.dtype), training=training)

    def _seen(self, tokens, written):
        """Returns what each place sees of text and of what is `written` `[length, all]`, `[batch, length, both]`."""
        batch_size, length = ops.shape(tokens)[0], ops.shape(written)[0]
        of_text = ops.broadcast_to(token_mask(tokens)[:, None], (batch_size, length, ops.shape(tokens)[1]))
        written = ops.broadcast_to(written[None], (batch_size, length, ops.shape(written)[1]))
        return ops.concatenate([of_text, written], axis=2)


def _keys_and_values(layer, hidden):
    """Returns what a layer of KerasHub attends to at some places, `[batch, 2, length, heads, size]`."""
    attention = self_attention(layer)
    normed = attention.norm(hidden)
    return ops.stack([attention.key(normed), attention.value(normed)], axis=1)


def _through(layer, hidden, source, own, seen, training):
    """Returns the states that a layer makes, given all keys and values, of a text and of what stands behind it."""
    cache = ops.concatenate([source, own], axis=2)
    hidden, _ = layer(
        hidden,
        decoder_attention_mask=seen,
        self_attention_cache=cache,
        self_attention_cache_update_index=None,
        use_causal_mask=False,
        training=training,
    )
    return hidden


@keras.saving.register_keras_serializable("tfmtl")
class TaskMark(keras.layers.Layer):
    """Tells a pretrained causal trunk which task writes: a vector added to each piece, at first zero.

    Args:
        max_length: the most pieces that are written.
    """

    def __init__(self, max_length: int, **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length

    def build(self, embedded_shape):
        self.mark = self.add_weight((embedded_shape[-1],), "zeros", name="mark")

    def call(self, embedded, start=0) -> KerasTensor:
        """Returns `[batch, length, hidden]`; the trunk itself tells places.

        Args:
            embedded: embeddings of the pieces, `[batch, length, hidden]`.
            start: the index of the first of them.
        """
        return embedded + ops.cast(self.mark, embedded.dtype)

    def get_config(self):
        return {**super().get_config(), "max_length": self.max_length}
