"""The pre-norm Transformer layers that encoder and decoder are made of."""

import keras
from keras import KerasTensor, ops

from tfmtl.models.attention import Attention


@keras.saving.register_keras_serializable("tfmtl")
class FeedForward(keras.layers.Layer):
    """Two dense layers with an activation between (Vaswani et al. 2017, section 3.3).

    Args:
        inner: the width between the two.
        activation: a Keras activation; `gelu` is its tanh form.
    """

    def __init__(self, inner: int, activation: str, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner
        self.activation = activation

    def build(self, shape):
        self.expand = keras.layers.Dense(self.inner, name="expand", dtype=self.dtype_policy)
        self.reduce = keras.layers.Dense(shape[-1], name="reduce", dtype=self.dtype_policy)
        self.expand.build(shape)
        self.reduce.build((*shape[:-1], self.inner))

    def call(self, states):
        return self.reduce(keras.activations.get(self.activation)(self.expand(states)))

    def get_config(self):
        return {**super().get_config(), "inner": self.inner, "activation": self.activation}


@keras.saving.register_keras_serializable("tfmtl")
class EncoderLayer(keras.layers.Layer):
    """Self-attention and a feed-forward network, each normalised before and added to what came in.

    Pre-norm (Xiong et al. 2020), so that training from scratch needs no long warm-up.

    Args:
        heads: attention heads.
        feedforward: the inner width of the feed-forward network.
        activation: its activation.
        dropout: the rate after each sublayer.
    """

    def __init__(self, heads: int, feedforward: int, activation: str, dropout: float, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        self.feedforward = feedforward
        self.activation = activation
        self.rate = dropout

    def build(self, shape):
        policy = self.dtype_policy
        self.attention_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="attention_norm", dtype=policy)
        self.attention = Attention(self.heads, name="attention", dtype=policy)
        self.feedforward_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="feedforward_norm", dtype=policy)
        self.network = FeedForward(self.feedforward, self.activation, name="feedforward", dtype=policy)
        self.dropout = keras.layers.Dropout(self.rate, name="dropout", dtype=policy)
        for layer in (self.attention_norm, self.attention, self.feedforward_norm, self.network):
            layer.build(shape)

    def call(self, states, mask, training=None):
        """Returns `[batch, length, hidden]`.

        Args:
            states: `[batch, length, hidden]`.
            mask: bool, broadcast over `[batch, heads, length, length]`; see `Attention`.
            training: whether dropout is on.
        """
        normalised = self.attention_norm(states)
        states = states + self.dropout(self.attention(normalised, normalised, mask), training=training)
        return states + self.dropout(self.network(self.feedforward_norm(states)), training=training)

    def get_config(self):
        config = {"heads": self.heads, "feedforward": self.feedforward, "activation": self.activation}
        return {**super().get_config(), **config, "dropout": self.rate}


@keras.saving.register_keras_serializable("tfmtl")
class DecoderLayer(EncoderLayer):
    """An encoder layer with attention over the source between its two sublayers."""

    def build(self, shape, source_shape=None):
        super().build(shape)
        policy = self.dtype_policy
        self.source_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="source_norm", dtype=policy)
        self.source_attention = Attention(self.heads, name="source_attention", dtype=policy)
        self.source_norm.build(shape)
        self.source_attention.build(shape, source_shape)

    def call(self, states, source, mask, source_mask, training=None):
        """Returns `[batch, length, hidden]`.

        Args:
            states: `[batch, length, hidden]`, of the summary so far.
            source: `[batch, source_length, hidden]`, of the encoder.
            mask: bool, causal, broadcast over `[batch, heads, length, length]`.
            source_mask: bool, broadcast over `[batch, heads, length, source_length]`.
            training: whether dropout is on.
        """
        normalised = self.attention_norm(states)
        states = states + self.dropout(self.attention(normalised, normalised, mask), training=training)
        change = self.source_attention(self.source_norm(states), source, source_mask)
        states = states + self.dropout(change, training=training)
        return states + self.dropout(self.network(self.feedforward_norm(states)), training=training)

    def step(self, states, position, cache, source, source_mask) -> tuple[KerasTensor, tuple]:
        """Decodes one position.

        Args:
            states: `[batch, 1, hidden]`.
            position: int32 scalar.
            cache: keys `[batch, heads, size, length]` and values `[batch, heads, length, size]` of the positions
                before.
            source: keys and values of the source, of `Attention.keys_and_values`.
            source_mask: bool `[batch, 1, 1, source_length]`.

        Returns:
            The states `[batch, 1, hidden]` and the cache with this position's keys and values in it.
        """
        normalised = self.attention_norm(states)
        keys, values = cache
        new_keys, new_values = self.attention.keys_and_values(normalised)
        here = ops.equal(ops.arange(ops.shape(values)[2]), position)
        keys = ops.where(here[None, None, None, :], new_keys, keys)
        values = ops.where(here[None, None, :, None], new_values, values)
        past = (ops.arange(ops.shape(values)[2]) <= position)[None, None, None, :]
        states = states + self.attention.attend(normalised, keys, values, past)
        states = states + self.source_attention.attend(self.source_norm(states), *source, source_mask)
        return states + self.network(self.feedforward_norm(states)), (keys, values)
