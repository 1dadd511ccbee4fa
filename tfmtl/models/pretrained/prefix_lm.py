"""Encoders that write as prefix language models: a text is read in both directions, what follows it causally."""

from collections.abc import Callable

import keras
import keras_hub
from keras import KerasTensor, ops

from tfmtl.core.private_api import EncoderLayer, encoder_layer
from tfmtl.models.layers.layer_change import UNCHANGED, LayerChange, unchanged
from tfmtl.models.layers.tokens import score_bias, segment_ids, token_mask
from tfmtl.models.pretrained.own_layers import OwnLayers, lengths


class PrefixLMLayers(OwnLayers):
    """The layers of an encoder, used as a prefix language model (UniLM, Dong et al. 2019, section 2.3).

    Differences from the paper: a text's keys and values are computed once and kept, for all tasks and all that is
    written; tokens are predicted from the previous one, as by a decoder, and not from a mask in their own place; what
    is written has the segment of a second text, if the encoder has segments.
    """

    def __init__(self, backbone: keras_hub.models.Backbone, **kwargs):
        layers = _called_layers(backbone)
        size = backbone.hidden_dim // backbone.num_heads
        super().__init__(backbone, layers, backbone.num_heads, size, **kwargs)

    def read(self, embedded, tokens):
        hidden, context = self.begin_text(embedded, tokens), []
        for layer in self.layers:
            hidden, own = self.through(layer, hidden, tokens)
            context.append(own)
        return hidden, tuple(context)

    def begin_text(self, embedded, tokens) -> KerasTensor:
        """Returns the input of the first layer for texts, `[batch, length, hidden]`; see `read`."""
        return self.placed(embedded, ops.arange(ops.shape(tokens)[1])[None, :], segment_ids(tokens))

    def through(self, layer, hidden, tokens, change: LayerChange = UNCHANGED) -> tuple[KerasTensor, KerasTensor]:
        """Returns the output of one layer for texts, and its keys and values; see `tfmtl.models.stack.Stack`."""
        layer = encoder_layer(layer)
        own = _keys_and_values(layer, hidden, change)
        return _through(layer, hidden, own, score_bias(token_mask(tokens))[:, None, None, :], change), own

    def step(self, embedded, position, cache, context, tokens):
        batch_size, count = ops.shape(embedded)[0], ops.shape(embedded)[1]
        new = position + ops.arange(count)
        # Behind a text that was read in windows, it has the positions behind a whole window.
        start = ops.minimum(lengths(tokens), self.longest_text)
        hidden = self.placed(embedded, start[:, None] + new[None, :], ops.ones((batch_size, count), dtype="int32"))
        bias, updated = self._bias(tokens, new, ops.shape(cache[0])[2]), []
        for layer, text, own in zip(map(encoder_layer, self.layers), context, cache, strict=True):
            own = ops.slice_update(own, (0, 0, position, 0, 0), _keys_and_values(layer, hidden))
            hidden = _through(layer, hidden, ops.concatenate([text, own], axis=2), bias)
            updated.append(own)
        return hidden, updated

    @staticmethod
    def _bias(tokens, new, room) -> KerasTensor:
        """Returns what is added to the scores of a text and of what is written, `[batch, 1, new, text + room]`."""
        shape = (ops.shape(tokens)[0], 1, ops.shape(new)[0])
        of_text = ops.broadcast_to(score_bias(token_mask(tokens))[:, None, None, :], (*shape, ops.shape(tokens)[1]))
        written = score_bias(ops.arange(room)[None, :] <= new[:, None])
        return ops.concatenate([of_text, ops.broadcast_to(written[None, None], (*shape, room))], axis=-1)


def _called_layers(backbone: keras_hub.models.Backbone) -> list[keras_hub.layers.TransformerEncoder]:
    """Returns the layers in the order of their calls; ALBERT calls each of its groups several times."""
    if not isinstance(backbone, keras_hub.models.AlbertBackbone):
        return backbone.transformer_layers
    calls = backbone.num_layers // backbone.num_groups
    return [layer for group in backbone.transformer_layers for _ in range(calls) for layer in group]


def _keys_and_values(layer: EncoderLayer, hidden, change: LayerChange = UNCHANGED) -> KerasTensor:
    """Returns the keys and values of some positions, `[batch, 2, length, heads, size]`."""
    attention = layer.attention
    values = _changed(change.value, _projected(attention.value_dense, hidden), hidden)
    return ops.stack([_projected(attention.key_dense, hidden), values], axis=1)


def _through(layer: EncoderLayer, hidden, seen, bias, change: LayerChange = UNCHANGED) -> KerasTensor:
    """Returns the output of a layer that normalizes last, `[batch, length, hidden]`.

    Args:
        layer: the layer.
        hidden: its input, `[batch, length, hidden]`.
        seen: all keys and values, `[batch, 2, all, heads, size]`.
        bias: what is added to their scores, float32, broadcast to `[batch, heads, length, all]`.
        change: what is different in the layer for one task.
    """
    # Unstacked, because the gradient of a slice is as large as all that it was cut from.
    attention, (keys, values) = layer.attention, ops.unstack(seen, 2, axis=1)
    query = _changed(change.query, _projected(attention.query_dense, hidden), hidden)
    query *= ops.cast(keys.shape[-1] ** -0.5, hidden.dtype)
    scores = ops.cast(ops.einsum("bqhs,bkhs->bhqk", query, keys), "float32") + bias
    weights = layer.score_dropout(ops.cast(ops.softmax(scores, axis=-1), values.dtype))
    read = _projected(attention.output_dense, ops.einsum("bhqk,bkhs->bqhs", weights, values))
    read = layer.attention_norm(layer.attention_dropout(change.attention(read, hidden)) + hidden)
    fed = change.feedforward(layer.feedforward(read), hidden)
    return layer.feedforward_norm(layer.feedforward_dropout(fed) + read)


def _changed(change: Callable, projected, hidden) -> KerasTensor:
    """Returns queries or values `[batch, length, heads, size]` with a change that treats the heads as one width."""
    if change is unchanged:
        return projected
    heads, size = projected.shape[2:]
    flat = change(ops.reshape(projected, (*ops.shape(hidden)[:2], heads * size)), hidden)
    return ops.reshape(flat, (*ops.shape(hidden)[:2], heads, size))


def _projected(dense: keras.layers.EinsumDense, hidden) -> KerasTensor:
    """Returns the output of a projection of an attention, `[batch, length, ...]`.

    All positions are given to it as one row: for several rows, Keras' gradient is a kernel for each of them, and their
    sum, which takes some times as long (keras 3.15).

    Args:
        dense: the projection.
        hidden: `[batch, length, ...]`.
    """
    batch_size, length, *width = ops.shape(hidden)
    projected = dense(ops.reshape(hidden, (1, -1, *width)))
    return ops.reshape(projected, (batch_size, length, *projected.shape[2:]))
