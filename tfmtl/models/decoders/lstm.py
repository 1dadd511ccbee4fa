"""A recurrent decoder for one task that generates text."""

import keras
from keras import KerasTensor, ops

from tfmtl.models.layers.tokens import score_bias, token_mask

ATTENTIONS = ("luong", "bahdanau")


@keras.saving.register_keras_serializable("tfmtl")
class LSTMDecoder(keras.layers.Layer):
    """Stacked LSTM with attention over the source; trains on whole summaries, generates a token at a time.

    `h~ = tanh(W [c; h])`, where `h` is the last layer's state and `c` the mean of the source's states weighted by
    attention (Luong et al. 2015, eq. 5). The score of a position with state `s` is `h . W s` ("general" there) or
    `v . tanh(W h + U s)` (Bahdanau et al. 2015). The initial states come from a tanh layer on the source's mean state.

    Differences from the papers: in both cases the query is the current state, whereas Bahdanau et al. take the previous
    one and feed the context into the recurrence; and `h~` is not fed back either. So a whole summary takes one pass of
    the LSTM and one of attention.

    Args:
        layers: the number of LSTM layers.
        attention: the form of the score, `luong` or `bahdanau`.
        dropout: the dropout rate of the embeddings and after each layer.
        max_length: the maximum number of tokens in a summary.
    """

    def __init__(self, layers: int, attention: str, dropout: float, max_length: int, **kwargs):
        super().__init__(**kwargs)
        if attention not in ATTENTIONS:
            raise ValueError(f"unknown attention '{attention}'; known: {', '.join(ATTENTIONS)}")
        self.settings = {"layers": layers, "attention": attention, "dropout": dropout, "max_length": max_length}
        self.max_length = max_length

    def build(self, embedded_shape, states_shape=None, tokens_shape=None):
        settings, policy = self.settings, self.dtype_policy
        self.hidden = embedded_shape[-1]
        states_shape = states_shape.last if states_shape else embedded_shape
        self.dropout = keras.layers.Dropout(settings["dropout"], name="dropout", dtype=policy)
        self.start = keras.layers.Dense(
            2 * settings["layers"] * self.hidden, activation="tanh", name="start", dtype=policy
        )
        self.layers = [
            keras.layers.LSTM(self.hidden, return_sequences=True, name=f"layer_{i}", dtype=policy)
            for i in range(settings["layers"])
        ]
        self.keys = keras.layers.Dense(self.hidden, use_bias=False, name="keys", dtype=policy)
        self.combine = keras.layers.Dense(self.hidden, activation="tanh", name="combine", dtype=policy)
        self.start.build((None, states_shape[-1]))
        for layer in self.layers:
            layer.build((None, None, self.hidden))
        self.keys.build(states_shape)
        self.combine.build((None, None, self.hidden + states_shape[-1]))
        if settings["attention"] == "bahdanau":
            self.query = keras.layers.Dense(self.hidden, name="query", dtype=policy)
            # Without a bias, which would have no effect on the softmax.
            self.score = keras.layers.Dense(1, use_bias=False, name="score", dtype=policy)
            for layer in (self.query, self.score):
                layer.build((None, None, self.hidden))

    def call(self, embedded, states, tokens, training=None) -> KerasTensor:
        """Returns the states `[batch, length, hidden]` of a whole summary, each position following those before it.

        Args:
            embedded: embeddings of the summary's tokens, the start mark first, `[batch, length, hidden]`.
            states: the states of the trunk.
            tokens: ids of the source, int32 `[batch, source_length]`.
            training: whether dropout is on.
        """
        hidden = self.dropout(embedded * self.hidden**0.5, training=training)
        for layer, start in zip(self.layers, self.initial_cache(states, tokens), strict=True):
            hidden = self.dropout(layer(hidden, initial_state=list(start)), training=training)
        return self._attended(hidden, self.keys_and_values(states), tokens)

    def keys_and_values(self, states) -> tuple[KerasTensor, KerasTensor]:
        """Returns keys and values of the source, `[batch, source_length, hidden]`, computed once per generation."""
        return self.keys(states.last), states.last

    def initial_cache(self, states, tokens) -> list[tuple[KerasTensor, KerasTensor]]:
        """Returns each layer's two states `[batch, hidden]` before the first token."""
        states = states.last
        mask = ops.cast(token_mask(tokens), states.dtype)[..., None]
        mean = ops.sum(states * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)
        parts = ops.split(self.start(mean), 2 * len(self.layers), axis=-1)
        return list(zip(parts[::2], parts[1::2], strict=True))

    def step(self, embedded, position, cache, source, source_tokens) -> tuple[KerasTensor, list]:
        """Decodes one position.

        Args:
            embedded: the embedding of the token written last, `[batch, 1, hidden]`.
            position: its index, int32 scalar, which a recurrence does not need.
            cache: the result of `initial_cache` or of the previous step.
            source: the result of `keys_and_values`.
            source_tokens: ids of the source, int32 `[batch, source_length]`.

        Returns:
            The state `[batch, 1, hidden]` and the new cache.
        """
        hidden = embedded[:, 0] * self.hidden**0.5
        new_cache = []
        for layer, before in zip(self.layers, cache, strict=True):
            hidden, after = layer.cell(hidden, list(before))
            new_cache.append(tuple(after))
        return self._attended(hidden[:, None], source, source_tokens), new_cache

    def _attended(self, hidden, source, tokens):
        keys, values = source
        if self.settings["attention"] == "bahdanau":
            scores = self.score(ops.tanh(self.query(hidden)[:, :, None] + keys[:, None]))[..., 0]
        else:
            scores = ops.matmul(hidden, ops.transpose(keys, (0, 2, 1)))
        weights = ops.softmax(ops.cast(scores, "float32") + score_bias(token_mask(tokens))[:, None], axis=-1)
        context = ops.matmul(ops.cast(weights, values.dtype), values)
        return self.combine(ops.concatenate([context, hidden], axis=-1))

    def get_config(self):
        return {**super().get_config(), **self.settings}
