"""The Transformer decoder of one task that generates text."""

import keras
from keras import KerasTensor, ops
from pydantic import Field

from tfmtl.models.layers.options_layer import OptionsLayer
from tfmtl.models.layers.positions import PositionEmbedding
from tfmtl.models.layers.tokens import token_mask
from tfmtl.models.layers.transformer_layer import DecoderLayer, LayerOptions


class TransformerDecoderOptions(LayerOptions):
    """Options of a Transformer decoder; those of its layers are in `LayerOptions`.

    Attributes:
        layers: the number of layers.
        max_length: the maximum number of tokens in a summary.
    """

    layers: int = Field(2, ge=1)
    max_length: int = Field(64, ge=1)


@keras.saving.register_keras_serializable("tfmtl")
class TransformerDecoder(OptionsLayer):
    """Transformer decoder; trains on whole summaries, generates a token at a time.

    Args:
        **kwargs: `TransformerDecoderOptions` and the arguments of every Keras layer.
    """

    options_class = TransformerDecoderOptions

    @property
    def max_length(self) -> int:
        """The maximum number of tokens in a summary."""
        return self.options.max_length

    def build(self, embedded_shape, states_shape=None, tokens_shape=None):
        options, policy = self.options, self.dtype_policy
        self.hidden = embedded_shape[-1]
        self.positions = PositionEmbedding(options.positions, self.max_length, name="positions", dtype=policy)
        self.positions.build(embedded_shape)
        self.dropout = keras.layers.Dropout(options.dropout, name="dropout", dtype=policy)
        self.layers = [
            DecoderLayer(**options.of_layers(), name=f"layer_{i}", dtype=policy) for i in range(options.layers)
        ]
        self.norm = options.make_norm("norm", policy)
        for layer in self.layers:
            layer.build(embedded_shape, states_shape.last)
        self.norm.build(embedded_shape)

    def call(self, embedded, states, tokens, training=None) -> KerasTensor:
        """Returns the states `[batch, length, hidden]` of a whole summary, each position seeing those before it.

        Args:
            embedded: embeddings of the summary's tokens, the start mark first, `[batch, length, hidden]`.
            states: the states of the trunk.
            tokens: ids of the source, int32 `[batch, source_length]`.
            training: whether dropout is on.
        """
        hidden = self.dropout(self.positions(embedded * self.hidden**0.5), training=training)
        places = ops.arange(ops.shape(embedded)[1])
        causal = (places[:, None] >= places[None, :])[None, None]
        source_mask = token_mask(tokens)[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, states.last, causal, source_mask, training=training)
        return self.norm(hidden)

    def keys_and_values(self, states) -> list[tuple[KerasTensor, KerasTensor]]:
        """Returns each layer's keys and values of the source, which are computed once per generation."""
        return [layer.source_attention.keys_and_values(states.last) for layer in self.layers]

    def initial_cache(self, states, tokens) -> list[tuple[KerasTensor, KerasTensor]]:
        """Returns each layer's keys and values of an empty summary, for a source as in `call`."""
        batch_size = ops.shape(tokens)[0]
        heads, size = self.options.heads, self.hidden // self.options.heads
        keys = ops.zeros((batch_size, heads, size, self.max_length), self.compute_dtype)
        values = ops.zeros((batch_size, heads, self.max_length, size), self.compute_dtype)
        return [(keys, values) for _ in self.layers]

    def step(self, embedded, position, cache, source, source_tokens) -> tuple[KerasTensor, list]:
        """Decodes one position.

        Args:
            embedded: the embedding of the token written last, `[batch, 1, hidden]`.
            position: its index, int32 scalar.
            cache: the result of `initial_cache` or of the previous step.
            source: the result of `keys_and_values`.
            source_tokens: ids of the source, int32 `[batch, source_length]`.

        Returns:
            The state `[batch, 1, hidden]` and the new cache.
        """
        hidden = self.positions(embedded * self.hidden**0.5, start=position)
        source_mask = token_mask(source_tokens)[:, None, None, :]
        new_cache = []
        for layer, layer_cache, layer_source in zip(self.layers, cache, source, strict=True):
            hidden, layer_cache = layer.step(hidden, position, layer_cache, layer_source, source_mask)
            new_cache.append(layer_cache)
        return self.norm(hidden), new_cache
