"""Experts that several tasks mix, each in its own proportions."""

import keras
from keras import KerasTensor, ops

from tfmtl.models.layers.tokens import token_mask


@keras.saving.register_keras_serializable("tfmtl")
class Expert(keras.layers.Layer):
    """A network of one hidden layer on each state of a text: ReLU, then back to the width of the states.

    Args:
        inner: the width of the hidden layer.
        dropout: of its output.
    """

    def __init__(self, inner: int, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner
        self.rate = dropout

    def build(self, states_shape):
        policy = self.dtype_policy
        self.expand = keras.layers.Dense(self.inner, activation="relu", name="expand", dtype=policy)
        self.reduce = keras.layers.Dense(states_shape[-1], name="reduce", dtype=policy)
        self.dropout = keras.layers.Dropout(self.rate, name="dropout", dtype=policy)
        self.expand.build(states_shape)
        self.reduce.build((*states_shape[:-1], self.inner))

    def call(self, states, training=None) -> KerasTensor:
        """Returns `[batch, length, hidden]`."""
        return self.dropout(self.reduce(self.expand(states)), training=training)

    def get_config(self):
        return {**super().get_config(), "inner": self.inner, "dropout": self.rate}


@keras.saving.register_keras_serializable("tfmtl")
class Gate(keras.layers.Layer):
    """Mixes experts in proportions that depend on the text.

    The proportions are the softmax of a linear layer on the mean of the text's states, in float32: one for the whole
    text. At first they are equal.

    Args:
        experts: how many there are.
    """

    def __init__(self, experts: int, **kwargs):
        super().__init__(**kwargs)
        self.experts = experts

    def build(self, states_shape, tokens_shape=None, experts_shape=None):
        # Without a bias: which experts a text needs is to follow from the text.
        self.score = keras.layers.Dense(
            self.experts, use_bias=False, kernel_initializer="zeros", name="score", dtype="float32"
        )
        self.score.build((None, states_shape[-1]))

    def call(self, states, tokens, experts) -> KerasTensor:
        """Returns `[batch, length, hidden]`.

        Args:
            states: by which the proportions are chosen, `[batch, length, hidden]`.
            tokens: of the text, int32 `[batch, length]`.
            experts: what each of them has made, `[batch, length, hidden]` each.
        """
        mask = ops.cast(token_mask(tokens), "float32")[..., None]
        mean = ops.sum(ops.cast(states, "float32") * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)
        shares = ops.cast(ops.softmax(self.score(mean), axis=-1), states.dtype)
        return sum(shares[:, k, None, None] * expert for k, expert in enumerate(experts))

    def get_config(self):
        return {**super().get_config(), "experts": self.experts}
