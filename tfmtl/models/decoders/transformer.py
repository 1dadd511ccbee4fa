"""The decoder of one summarization task."""

import keras
from keras import KerasTensor, ops

from tfmtl.models.layers.positions import PositionEmbedding
from tfmtl.models.layers.tokens import token_mask
from tfmtl.models.layers.transformer_layer import DecoderLayer, LayerOptions


@keras.saving.register_keras_serializable("tfmtl")
class TransformerDecoder(keras.layers.Layer):
    """Transformer decoder; trains on whole summaries, generates a piece at a time.

    Args:
        options: what its layers are made of, or a mapping of that.
        layers: how many.
        max_length: the most pieces of a summary.
    """

    def __init__(self, options: LayerOptions | dict, layers: int, max_length: int, **kwargs):
        super().__init__(**kwargs)
        self.options = LayerOptions.model_validate(options)
        self.depth = layers
        self.max_length = max_length

    def build(self, embedded_shape, states_shape=None, tokens_shape=None):
        options, policy = self.options, self.dtype_policy
        self.hidden = embedded_shape[-1]
        self.positions = PositionEmbedding(options.positions, self.max_length, name="positions", dtype=policy)
        self.positions.build(embedded_shape)
        self.dropout = keras.layers.Dropout(options.dropout, name="dropout", dtype=policy)
        self.layers = [DecoderLayer(options, name=f"layer_{i}", dtype=policy) for i in range(self.depth)]
        self.norm = options.make_norm("norm", policy)
        for layer in self.layers:
            layer.build(embedded_shape, states_shape)
        self.norm.build(embedded_shape)

    def call(self, embedded, states, tokens, training=None) -> KerasTensor:
        """Returns the states `[batch, length, hidden]` of a whole summary, each position seeing those before it.

        Args:
            embedded: embeddings of the summary's pieces, the start mark first, `[batch, length, hidden]`.
            states: of the encoder, `[batch, source_length, hidden]`.
            tokens: ids of the source, int32 `[batch, source_length]`.
            training: whether dropout is on.
        """
        hidden = self.dropout(self.positions(embedded * self.hidden**0.5), training=training)
        places = ops.arange(ops.shape(embedded)[1])
        causal = (places[:, None] >= places[None, :])[None, None]
        source_mask = token_mask(tokens)[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, states, causal, source_mask, training=training)
        return self.norm(hidden)

    def keys_and_values(self, states) -> list[tuple[KerasTensor, KerasTensor]]:
        """Returns each layer's keys and values of the source: computed once for a generation."""
        return [layer.source_attention.keys_and_values(states) for layer in self.layers]

    def initial_cache(self, states, tokens) -> list[tuple[KerasTensor, KerasTensor]]:
        """Returns each layer's keys and values of a summary that has no piece yet, for a source as in `call`."""
        batch_size = ops.shape(tokens)[0]
        heads, size = self.options.heads, self.hidden // self.options.heads
        keys = ops.zeros((batch_size, heads, size, self.max_length), self.compute_dtype)
        values = ops.zeros((batch_size, heads, self.max_length, size), self.compute_dtype)
        return [(keys, values) for _ in self.layers]

    def step(self, embedded, position, cache, source, source_tokens) -> tuple[KerasTensor, list]:
        """Decodes one position.

        Args:
            embedded: the embedding of the piece written last, `[batch, 1, hidden]`.
            position: its place, int32 scalar.
            cache: of `initial_cache` or the step before.
            source: of `keys_and_values`.
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

    def get_config(self):
        config = {"options": self.options.model_dump(), "layers": self.depth, "max_length": self.max_length}
        return {**super().get_config(), **config}
