"""A trunk of bidirectional LSTMs, as in the GLUE baselines."""

from typing import Literal

import keras
from keras import ops
from pydantic import Field

from tfmtl.core.registry import ENCODERS
from tfmtl.models.decoders.lstm import LSTMDecoder
from tfmtl.models.layers.tokens import score_bias, segment_ids, token_mask
from tfmtl.models.trunk import States, Trunk, TrunkOptions


class BiLSTMOptions(TrunkOptions):
    """Options of the recurrent trunk.

    Attributes:
        layers: the number of bidirectional LSTM layers.
        hidden: the width of embeddings and states, half of it for each direction.
        dropout: the dropout rate of the embeddings and after each layer.
        token_dropout: the share of tokens whose whole embedding is zeroed in training; the summary head still sees
            them.
        pair_attention: whether the texts of a pair attend to each other before one more layer; single texts pay for
            that layer too, so turn this on only if tasks compare texts.
        attention: the attention of the summaries' decoders over the source.
        max_length: the maximum number of tokens in a row, including its marks; longer rows are cut.
    """

    layers: int = Field(2, ge=1)
    hidden: int = Field(256, ge=2, multiple_of=2)
    dropout: float = Field(0.2, ge=0.0, lt=1.0)
    token_dropout: float = Field(0.0, ge=0.0, lt=1.0)
    pair_attention: bool = False
    attention: Literal["luong", "bahdanau"] = "luong"
    max_length: int = Field(256, ge=4)


@ENCODERS.register("bilstm_attention", options=BiLSTMOptions)
@keras.saving.register_keras_serializable("tfmtl")
class BiLSTMEncoder(Trunk):
    """Stacked bidirectional LSTM (Graves & Schmidhuber 2005) with attention in its heads and decoders.

    With `pair_attention`, each position of a pair's text gets the states of the other text, weighted by the softmax of
    their inner products, and one more layer reads both (Wang et al. 2018: `H_ij = u_i . v_j`).

    Differences from that baseline: one LSTM reads both texts one after the other, not each by itself; heads pool by
    attention, not by the maximum; the embeddings of words are learned with the model.

    Args:
        **kwargs: `BiLSTMOptions` and the arguments of every Keras layer.
    """

    options_class = BiLSTMOptions

    def decoder(self, layers: int, dropout: float | None, max_length: int, **kwargs) -> LSTMDecoder:
        """Returns a decoder that writes summaries from the states of this trunk."""
        rate = self.options.dropout if dropout is None else dropout
        return LSTMDecoder(layers, self.options.attention, rate, max_length, **kwargs)

    def build(self, embedded_shape, tokens_shape=None):
        options, policy = self.options, self.dtype_policy
        self.token_dropout = keras.layers.Dropout(
            options.token_dropout, (None, None, 1), name="token_dropout", dtype=policy
        )
        self.dropout = keras.layers.Dropout(options.dropout, name="dropout", dtype=policy)
        self.layers = [self._layer(f"layer_{i}") for i in range(options.layers)]
        for layer in self.layers:
            layer.build((None, None, options.hidden))
        if options.pair_attention:
            self.comparison = self._layer("comparison")
            self.comparison.build((None, None, 2 * options.hidden))

    def _layer(self, name: str) -> keras.layers.Bidirectional:
        units, policy = self.options.hidden // 2, self.dtype_policy
        lstm = keras.layers.LSTM(units, return_sequences=True, name="lstm", dtype=policy)
        return keras.layers.Bidirectional(lstm, name=name, dtype=policy)

    def call(self, embedded, tokens, training=None) -> States:
        """Returns the states of texts, `[batch, length, hidden]`; zero at padding.

        Args:
            embedded: the tokens' embeddings `[batch, length, hidden]`.
            tokens: their ids, int32 `[batch, length]`.
            training: whether dropout is on.
        """
        mask = token_mask(tokens)
        states = self.token_dropout(embedded * self.options.hidden**0.5, training=training)
        states = self.dropout(states, training=training)
        for layer in self.layers:
            states = self.dropout(layer(states, mask=mask, training=training), training=training)
        if self.options.pair_attention:
            states = ops.concatenate([states, self._other_text(states, tokens)], axis=-1)
            states = self.dropout(self.comparison(states, mask=mask, training=training), training=training)
        # Without Keras' own mask, about which later layers would warn: they are given the tokens instead.
        return States(states * ops.cast(mask, states.dtype)[..., None])

    def depths(self) -> dict[int, int]:
        if not self.options.pair_attention:
            return super().depths()
        return super().depths() | {id(variable): len(self.layers) + 1 for variable in self.comparison.variables}

    def _other_text(self, states, tokens):
        """Returns what each position reads of its pair's other text, `[batch, length, hidden]`; zero without one."""
        segments = segment_ids(tokens)
        other = (segments[:, :, None] != segments[:, None, :]) & token_mask(tokens)[:, None, :]
        scores = ops.cast(ops.matmul(states, ops.transpose(states, (0, 2, 1))), "float32") + score_bias(other)
        weights = ops.softmax(scores, axis=-1) * ops.cast(ops.any(other, axis=-1, keepdims=True), "float32")
        return ops.matmul(ops.cast(weights, states.dtype), states)
