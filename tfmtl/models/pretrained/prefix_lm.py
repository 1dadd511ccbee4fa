"""Encoders that write as prefix language models: a text is read in both directions, what follows it causally."""

from collections.abc import Callable, Sequence

import keras
import keras_hub
from keras import KerasTensor, ops

from tfmtl.core.private_api import EncoderLayer, encoder_layer
from tfmtl.models.layers.fused.attention_weights import attention_weights
from tfmtl.models.layers.fused.compiled import is_fused
from tfmtl.models.layers.fused.dropout import dropped_sum
from tfmtl.models.layers.fused.gelu import gelu
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

    def read(self, embedded, tokens, training=None):
        hidden, context = self.begin_text(embedded, tokens), []
        for layer in self.layers:
            hidden, own = self.through(layer, hidden, tokens, training)
            context.append(own)
        return hidden, tuple(context)

    def begin_text(self, embedded, tokens) -> KerasTensor:
        """Returns the input of the first layer for texts, `[batch, length, hidden]`; see `read`."""
        return self.placed(embedded, ops.arange(ops.shape(tokens)[1])[None, :], segment_ids(tokens))

    def through(
        self, layer, hidden, tokens, training=None, change: LayerChange = UNCHANGED, seen=None
    ) -> tuple[KerasTensor, KerasTensor]:
        """Returns the output of one layer for texts, and its keys and values; see `tfmtl.models.stack.Stack`."""
        layer = encoder_layer(layer)
        bias = score_bias(token_mask(tokens))[:, None, None, :] if seen is None else score_bias(seen)[:, None]
        query, keys, values = _projections(layer, hidden, training, change)
        output = _through(layer, hidden, (query, keys, values), bias, training, change)
        return output, ops.stack([keys, values], axis=1)

    def step(self, embedded, position, cache, context, tokens, training=None):
        batch_size, count = ops.shape(embedded)[0], ops.shape(embedded)[1]
        new = position + ops.arange(count)
        # Behind a text that was read in windows, it has the positions behind a whole window.
        start = ops.minimum(lengths(tokens), self.longest_text)
        hidden = self.placed(embedded, start[:, None] + new[None, :], ops.ones((batch_size, count), dtype="int32"))
        bias, updated = self._bias(tokens, new, ops.shape(cache[0])[2]), []
        for layer, text, own in zip(map(encoder_layer, self.layers), context, cache, strict=True):
            query, *new_ones = _projections(layer, hidden, training)
            own = ops.slice_update(own, (0, 0, position, 0, 0), ops.stack(new_ones, axis=1))
            # Unstacked, because the gradient of a slice is as large as all that it was cut from.
            seen = ops.unstack(ops.concatenate([text, own], axis=2), 2, axis=1)
            hidden = _through(layer, hidden, (query, *seen), bias, training)
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


def _projections(layer: EncoderLayer, hidden, training, change: LayerChange = UNCHANGED) -> list[KerasTensor]:
    """Returns the queries, keys and values of some positions, each `[batch, length, heads, size]`."""
    denses = [layer.attention.query_dense, layer.attention.key_dense, layer.attention.value_dense]
    if is_fused(hidden, training) and all(map(_is_plain, denses)):
        query, keys, values = _projected_together(denses, hidden)
    else:
        query, keys, values = (_projected(dense, hidden) for dense in denses)
    return [_changed(change.query, query, hidden), keys, _changed(change.value, values, hidden)]


def _through(layer: EncoderLayer, hidden, seen, bias, training, change: LayerChange = UNCHANGED) -> KerasTensor:
    """Returns the output of a layer that normalizes last, `[batch, length, hidden]`.

    Args:
        layer: the layer.
        hidden: its input, `[batch, length, hidden]`.
        seen: queries `[batch, length, heads, size]`, and all keys and values `[batch, all, heads, size]`.
        bias: what is added to their scores, float32, broadcast to `[batch, heads, length, all]`.
        training: whether dropout is on.
        change: what is different in the layer for one task.
    """
    query, keys, values = seen
    query *= ops.cast(keys.shape[-1] ** -0.5, hidden.dtype)
    scores = ops.einsum("bqhs,bkhs->bhqk", query, keys)
    fused = is_fused(hidden, training)
    weigh, add = (attention_weights, dropped_sum) if fused else (_attention_weights, _sum)
    context = ops.einsum("bhqk,bkhs->bqhs", weigh(scores, bias, layer.score_dropout), values)
    attended = change.attention(_projected(layer.attention.output_dense, context), hidden)
    read = layer.attention_norm(add(attended, hidden, layer.attention_dropout))
    fed = change.feedforward(_fed_fused(layer, read) if fused else layer.reduce(layer.expand(read)), hidden)
    return layer.feedforward_norm(add(fed, read, layer.feedforward_dropout))


def _attention_weights(scores, bias, dropout) -> KerasTensor:
    return dropout(ops.cast(ops.softmax(ops.cast(scores, "float32") + bias, axis=-1), scores.dtype))


def _sum(values, states, dropout) -> KerasTensor:
    return dropout(values) + states


def _fed_fused(layer: EncoderLayer, read) -> KerasTensor:
    """Returns the output of the feed-forward network `[batch, length, hidden]`, with the kernels of GELU."""
    expand = layer.expand
    if not _is_plain(expand) or expand.activation is not keras.activations.gelu:
        return layer.reduce(expand(read))
    kernel, bias = (ops.cast(variable, read.dtype) for variable in (expand.kernel, expand.bias))
    return layer.reduce(gelu(ops.matmul(read, kernel) + bias))


def _is_plain(dense: keras.layers.Layer) -> bool:
    """Whether a layer has a kernel of floats and no update."""
    is_dense = isinstance(dense, keras.layers.Dense | keras.layers.EinsumDense)
    return is_dense and dense.quantization_mode is None


def _projected_together(denses: Sequence[keras.layers.EinsumDense], hidden) -> list[KerasTensor]:
    """Returns the outputs `[batch, length, heads, size]` of several projections, made by one product."""
    width, *heads = denses[0].kernel.shape
    kernels = [ops.reshape(ops.cast(dense.kernel, hidden.dtype), (width, -1)) for dense in denses]
    biases = [ops.reshape(ops.cast(dense.bias, hidden.dtype), (-1,)) for dense in denses]
    joined = ops.matmul(hidden, ops.concatenate(kernels, axis=1)) + ops.concatenate(biases)
    parts = ops.split(joined, len(denses), axis=-1)
    return [ops.reshape(part, (*ops.shape(hidden)[:2], *heads)) for part in parts]


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
