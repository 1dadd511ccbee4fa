"""The decoder of one summarization task."""

import keras
from keras import KerasTensor, ops

from tfmtl.models.tokens import token_mask
from tfmtl.models.transformer_layer import DecoderLayer


@keras.saving.register_keras_serializable("tfmtl")
class TransformerDecoder(keras.layers.Layer):
    """Pre-norm Transformer decoder; trains on whole summaries, generates a piece at a time.

    Args:
        layers: Transformer layers.
        heads: attention heads.
        feedforward: the inner width of the feed-forward networks.
        activation: their activation.
        dropout: of the embeddings and after each sublayer.
        max_length: the most pieces of a summary.
    """

    def __init__(self, layers, heads, feedforward, activation, dropout, max_length, **kwargs):
        super().__init__(**kwargs)
        self.settings = {
            "layers": layers,
            "heads": heads,
            "feedforward": feedforward,
            "activation": activation,
            "dropout": dropout,
            "max_length": max_length,
        }
        self.heads = heads
        self.max_length = max_length

    def build(self, embedded_shape, states_shape=None, tokens_shape=None):
        settings, policy = self.settings, self.dtype_policy
        self.hidden = embedded_shape[-1]
        normal = keras.initializers.RandomNormal(stddev=0.1)
        self.positions = keras.layers.Embedding(
            self.max_length, self.hidden, embeddings_initializer=normal, name="positions", dtype=policy
        )
        self.positions.build(None)
        self.dropout = keras.layers.Dropout(settings["dropout"], name="dropout", dtype=policy)
        shared = {key: settings[key] for key in ("heads", "feedforward", "activation", "dropout")}
        self.layers = [DecoderLayer(**shared, name=f"layer_{i}", dtype=policy) for i in range(settings["layers"])]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm", dtype=policy)
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
        places = ops.arange(ops.shape(embedded)[1])
        hidden = self.dropout(self._placed(embedded, places), training=training)
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
        size = self.hidden // self.heads
        keys = ops.zeros((batch_size, self.heads, size, self.max_length), self.compute_dtype)
        values = ops.zeros((batch_size, self.heads, self.max_length, size), self.compute_dtype)
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
        hidden = self._placed(embedded, ops.reshape(position, (1,)))
        source_mask = token_mask(source_tokens)[:, None, None, :]
        new_cache = []
        for layer, layer_cache, layer_source in zip(self.layers, cache, source, strict=True):
            hidden, layer_cache = layer.step(hidden, position, layer_cache, layer_source, source_mask)
            new_cache.append(layer_cache)
        return self.norm(hidden), new_cache

    def _placed(self, embedded, places):
        return embedded * self.hidden**0.5 + self.positions(places)

    def get_config(self):
        return {**super().get_config(), **self.settings}
