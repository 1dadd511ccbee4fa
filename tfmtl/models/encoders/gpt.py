"""A causal trunk that reads texts and writes summaries with the same layers."""

import keras
from keras import KerasTensor, ops

from tfmtl.core.registry import ENCODERS
from tfmtl.models.decoders.continuation import Continuation, ContinuationStart
from tfmtl.models.encoders.transformer import TransformerOptions
from tfmtl.models.layers.causal_layer import CausalLayer
from tfmtl.models.layers.pooling import LastPooling
from tfmtl.models.layers.positions import PositionEmbedding
from tfmtl.models.layers.tokens import segment_ids, token_mask
from tfmtl.models.trunk import States, Trunk


class GPTOptions(TransformerOptions):
    """Options of the causal trunk, which are those of `transformer`.

    It has no separate decoder: of `model.decoder`, only `copy` has an effect.
    """


@ENCODERS.register("gpt", options=GPTOptions)
@keras.saving.register_keras_serializable("tfmtl")
class GPTEncoder(Trunk):
    """Decoder-only Transformer (Radford et al. 2018): labels from the last token, summaries as continuations.

    A summary is written as the continuation of its text after a separator, of which each task has its own. All tasks
    share the trunk, which reads a text once: the `context` of its states holds the input of each layer, so that a
    continuation has every layer's keys and values of the text.

    Differences from the papers: a continuation begins at the same position whatever the length of its text, so that an
    answer does not depend on padding; the trunk is trained on summaries and labels, not on the text itself; after the
    last layer there is one more normalisation (Radford et al. 2019), also in post-norm trunks; pairs are read in one
    order, and the last states of both texts are compared.

    Args:
        **kwargs: `GPTOptions` and the arguments of every Keras layer.
    """

    options_class = GPTOptions
    pooling = LastPooling

    @property
    def reads_behind(self) -> bool:
        return True

    @property
    def reads_windows(self) -> bool:
        """False: its heads read the last token, which has seen only its own window."""
        return False

    def decoder(self, layers: int, dropout: float | None, max_length: int, **kwargs) -> ContinuationStart:
        """Returns a task's separator and the positions of its summary; the layers are the trunk's own."""
        return ContinuationStart(self.options.positions, max_length, **kwargs)

    def writer(self, decoder):
        return Continuation(self, decoder) if isinstance(decoder, ContinuationStart) else decoder

    def build(self, embedded_shape, tokens_shape=None, context_shape=None):
        options, policy = self.options, self.dtype_policy
        normal = keras.initializers.RandomNormal(stddev=0.1)
        self.positions = PositionEmbedding(options.positions, options.max_length, name="positions", dtype=policy)
        self.segments = keras.layers.Embedding(
            2, options.hidden, embeddings_initializer=normal, name="segments", dtype=policy
        )
        self.token_dropout = keras.layers.Dropout(
            options.token_dropout, (None, None, 1), name="token_dropout", dtype=policy
        )
        self.dropout = keras.layers.Dropout(options.dropout, name="dropout", dtype=policy)
        of_layers = options.of_layers()
        self.layers = [CausalLayer(**of_layers, name=f"layer_{i}", dtype=policy) for i in range(options.layers)]
        self.norm = options.make_norm("norm", policy)
        self.positions.build(embedded_shape)
        self.segments.build(None)
        for layer in (*self.layers, self.norm):
            layer.build(embedded_shape)

    def call(self, embedded, tokens, context=None, training=None) -> States:
        """Reads texts or their continuations.

        Args:
            embedded: embeddings of the texts' tokens `[batch, length, hidden]`; or, given a `context`, the output of
                `ContinuationStart` for the continuations.
            tokens: ids of the texts, int32 `[batch, text_length]`.
            context: the context of the texts' states.
            training: whether dropout is on.

        Returns:
            The states of the texts; or those of the continuations, which have no context.
        """
        places = ops.arange(ops.shape(embedded)[1])
        # A text is padded at its end, so none of its tokens sees padding anyway.
        mask = (places[:, None] >= places[None, :])[None, None]
        return (
            self._read(embedded, tokens, mask, training)
            if context is None
            else self._written(embedded, tokens, context, mask, training)
        )

    def _read(self, embedded, tokens, mask, training):
        states = self.token_dropout(embedded * self.options.hidden**0.5, training=training)
        states = self.dropout(self.positions(states) + self.segments(segment_ids(tokens)), training=training)
        read = [states]
        for layer in self.layers:
            read.append(layer(read[-1], mask, training=training))
        return States(self.norm(read[-1]), tuple(read[:-1]))

    def _written(self, embedded, tokens, context, mask, training):
        states = self.dropout(embedded, training=training)
        text_mask = token_mask(tokens)[:, None, None, :]
        for layer, (keys, values) in zip(self.layers, self.keys_and_values(context), strict=True):
            states = layer(
                states, mask, text=(keys, values, text_mask), start=self.options.max_length, training=training
            )
        return States(self.norm(states))

    def keys_and_values(self, context) -> list[tuple[KerasTensor, KerasTensor]]:
        """Returns each layer's keys and values of the texts, given the context of their states."""
        return [layer.keys_and_values(read) for layer, read in zip(self.layers, context, strict=True)]

    def initial_cache(self, batch_size, length) -> list[tuple[KerasTensor, KerasTensor]]:
        """Returns each layer's empty keys and values for the `length` positions after a text."""
        size = self.options.hidden // self.options.heads
        keys = ops.zeros((batch_size, self.options.heads, size, length), self.compute_dtype)
        return [(keys, ops.transpose(keys, (0, 1, 3, 2))) for _ in self.layers]

    def step(self, embedded, position, cache, source, tokens) -> tuple[KerasTensor, list]:
        """Writes one position.

        Args:
            embedded: the output of `ContinuationStart`, `[batch, 1, hidden]`.
            position: its index in the continuation, int32 scalar.
            cache: each layer's keys and values of the previous positions.
            source: the result of `keys_and_values`.
            tokens: ids of the texts, int32 `[batch, text_length]`.

        Returns:
            The state `[batch, 1, hidden]` and the new cache.
        """
        states, new_cache = embedded, []
        text_mask, start = token_mask(tokens)[:, None, None, :], self.options.max_length
        for layer, layer_cache, (keys, values) in zip(self.layers, cache, source, strict=True):
            states, layer_cache = layer.step(states, position, layer_cache, (keys, values, text_mask), start)
            new_cache.append(layer_cache)
        return self.norm(states), new_cache

    def depths(self) -> dict[int, int]:
        return super().depths() | {id(variable): len(self.layers) for variable in self.norm.variables}
