"""The Transformer layers that trunks and decoders are made of."""

from functools import partial
from typing import Literal

import keras
from keras import KerasTensor, ops
from pydantic import Field, field_validator

from tfmtl.core.registry import Options
from tfmtl.models.layers.attention import Attention
from tfmtl.models.layers.fused.compiled import is_fused
from tfmtl.models.layers.fused.dropout import dropped_sum
from tfmtl.models.layers.fused.gelu import gelu
from tfmtl.models.layers.layer_change import UNCHANGED, LayerChange
from tfmtl.models.layers.options_layer import OptionsLayer


class LayerOptions(Options):
    """The options of a Transformer layer; the defaults are a pre-norm layer with learned positions.

    The original layer (Vaswani et al. 2017) has `positions: sine`, `norm_first: false` and `activation: relu`; many
    recent models have `positions: rotary`, `norm: rms`, `gated: true` and `activation: silu`.

    Attributes:
        heads: the number of attention heads, which must divide the width.
        feedforward: the inner width of the feed-forward networks.
        activation: the activation of the feed-forward networks.
        gated: whether their inner states are multiplied by a second projection (Shazeer 2020), which adds half as many
            parameters.
        dropout: the dropout rate of the embeddings and after each sublayer.
        norm: `layer`, or `rms`, which has neither means nor biases (Zhang & Sennrich 2019).
        norm_first: whether the input of a sublayer is normalised (Xiong et al. 2020), and not the sum of its input and
            its output; training from scratch then needs no long warm-up.
        positions: `learned` and `sine` are added to the embeddings, `rotary` rotates queries and keys (Su et al. 2021).
    """

    heads: int = Field(4, ge=1)
    feedforward: int = Field(1024, ge=1)
    activation: str = "gelu"
    gated: bool = False
    dropout: float = Field(0.1, ge=0.0, lt=1.0)
    norm: Literal["layer", "rms"] = "layer"
    norm_first: bool = True
    positions: Literal["learned", "sine", "rotary"] = "learned"

    @field_validator("activation")
    @classmethod
    def _known(cls, activation: str) -> str:
        try:
            keras.activations.get(activation)
        except ValueError:
            raise ValueError("unknown Keras activation; known are gelu, relu, silu, tanh and the like") from None
        return activation

    def of_layers(self, **changes) -> dict:
        """Returns the options of the layers alone, with some of them changed."""
        return {**self.model_dump(include=set(LayerOptions.model_fields)), **changes}

    def make_norm(self, name: str, dtype) -> keras.layers.Layer:
        """Returns a normalisation layer that is not built yet."""
        layer = keras.layers.RMSNormalization if self.norm == "rms" else keras.layers.LayerNormalization
        return layer(epsilon=1e-5, name=name, dtype=dtype)


@keras.saving.register_keras_serializable("tfmtl")
class FeedForward(keras.layers.Layer):
    """Two dense layers with an activation between them (Vaswani et al. 2017, section 3.3).

    Args:
        inner: the width between the two layers.
        activation: a Keras activation; `gelu` is its tanh form.
        gated: whether the activation's output is multiplied by another projection of the input (Shazeer 2020, eq. 6).
    """

    def __init__(self, inner: int, activation: str, gated: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner
        self.activation = activation
        self.gated = gated

    def build(self, shape):
        self.expand = keras.layers.Dense(self.inner, name="expand", dtype=self.dtype_policy)
        self.reduce = keras.layers.Dense(shape[-1], name="reduce", dtype=self.dtype_policy)
        self.expand.build(shape)
        self.reduce.build((*shape[:-1], self.inner))
        if self.gated:
            self.gate = keras.layers.Dense(self.inner, name="gate", dtype=self.dtype_policy)
            self.gate.build(shape)

    def call(self, states, training=None):
        activate = keras.activations.get(self.activation)
        if activate is keras.activations.gelu and is_fused(states, training):
            activate = gelu
        inner = activate(self.expand(states))
        return self.reduce(inner * self.gate(states) if self.gated else inner)

    def get_config(self):
        config = {"inner": self.inner, "activation": self.activation, "gated": self.gated}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable("tfmtl")
class EncoderLayer(OptionsLayer):
    """Self-attention and a feed-forward network, each with a residual connection.

    Args:
        **kwargs: `LayerOptions` and the arguments of every Keras layer.
    """

    options_class = LayerOptions

    def build(self, shape):
        options, policy = self.options, self.dtype_policy
        rotary = options.positions == "rotary"
        self.attention_norm = options.make_norm("attention_norm", policy)
        self.attention = Attention(options.heads, rotary, name="attention", dtype=policy)
        self.feedforward_norm = options.make_norm("feedforward_norm", policy)
        self.network = FeedForward(
            options.feedforward, options.activation, options.gated, name="feedforward", dtype=policy
        )
        self.dropout = keras.layers.Dropout(options.dropout, name="dropout", dtype=policy)
        for layer in (self.attention_norm, self.attention, self.feedforward_norm, self.network):
            layer.build(shape)

    def call(self, states, mask, training=None, change: LayerChange = UNCHANGED):
        """Returns `[batch, length, hidden]`.

        Args:
            states: `[batch, length, hidden]`.
            mask: bool, broadcast to `[batch, heads, length, length]`; see `Attention`.
            training: whether dropout is on.
            change: what is different in the layer for one task.
        """

        def attend(here):
            return change.attention(self.attention(here, here, mask, change=change), states)

        def feed(here):
            return change.feedforward(self.network(here, training=training), states)

        read = self._added(self.attention_norm, attend, states, training)
        return self._added(self.feedforward_norm, feed, read, training)

    def _added(self, norm, sublayer, states, training=None):
        """Returns the states plus a sublayer's output, normalised before the sublayer or after the sum."""
        add = dropped_sum if is_fused(states, training) else partial(_sum, training=training)
        if self.options.norm_first:
            return add(sublayer(norm(states)), states, self.dropout)
        return norm(add(sublayer(states), states, self.dropout))


@keras.saving.register_keras_serializable("tfmtl")
class DecoderLayer(EncoderLayer):
    """An encoder layer with attention over the source between its two sublayers."""

    def build(self, shape, source_shape=None):
        super().build(shape)
        policy = self.dtype_policy
        self.source_norm = self.options.make_norm("source_norm", policy)
        self.source_attention = Attention(self.options.heads, name="source_attention", dtype=policy)
        self.source_norm.build(shape)
        self.source_attention.build(shape, source_shape)

    def call(self, states, source, mask, source_mask, training=None):
        """Returns `[batch, length, hidden]`.

        Args:
            states: the states of the summary so far, `[batch, length, hidden]`.
            source: the states of the source, `[batch, source_length, hidden]`.
            mask: bool, causal, broadcast to `[batch, heads, length, length]`.
            source_mask: bool, broadcast to `[batch, heads, length, source_length]`.
            training: whether dropout is on.
        """
        states = self._added(self.attention_norm, lambda x: self.attention(x, x, mask), states, training)
        states = self._added(
            self.source_norm, lambda x: self.source_attention(x, source, source_mask), states, training
        )
        feed = partial(self.network, training=training)
        return self._added(self.feedforward_norm, feed, states, training)

    def step(self, states, position, cache, source, source_mask) -> tuple[KerasTensor, tuple]:
        """Decodes one position.

        Args:
            states: `[batch, 1, hidden]`.
            position: int32 scalar.
            cache: keys `[batch, heads, size, length]` and values `[batch, heads, length, size]` of the previous
                positions.
            source: the source's keys and values, as returned by `Attention.keys_and_values`.
            source_mask: bool `[batch, 1, 1, source_length]`.

        Returns:
            The states `[batch, 1, hidden]` and the cache with this position's keys and values in it.
        """
        keys, values = cache
        past = (ops.arange(ops.shape(values)[2]) <= position)[None, None, None, :]

        def attend_past(here):
            nonlocal keys, values
            keys, values = self.attention.appended(here, position, keys, values)
            return self.attention.attend(here, keys, values, past, position)

        def attend_source(here):
            return self.source_attention.attend(here, *source, source_mask)

        states = self._added(self.attention_norm, attend_past, states)
        states = self._added(self.source_norm, attend_source, states)
        return self._added(self.feedforward_norm, self.network, states), (keys, values)


def _sum(values, states, dropout: keras.layers.Dropout, training) -> KerasTensor:
    return states + dropout(values, training=training)
