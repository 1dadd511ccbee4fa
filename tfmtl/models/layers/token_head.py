"""The head of a task that says something about each token of a text."""

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable("tfmtl")
class TokenHead(keras.layers.Layer):
    """An output layer on the state of each token.

    Args:
        outputs: the number of outputs for a token.
        dropout: the rate before the output layer.
    """

    common = None
    """No head of this class has a part in common with another one."""

    def __init__(self, outputs: int, dropout: float = 0.0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.outputs = outputs
        self.rate = dropout

    def build(self, states_shape, tokens_shape=None):
        policy = self.dtype_policy
        self.dropout = keras.layers.Dropout(self.rate, name="dropout", dtype=policy)
        self.output_layer = keras.layers.Dense(self.outputs, name="output", dtype=policy)
        self.output_layer.build((None, None, states_shape[-1]))

    def call(self, states, tokens, training=None) -> KerasTensor:
        """Returns float32 `[batch, length, outputs]`.

        Args:
            states: the states of the trunk, `[batch, length, hidden]`.
            tokens: ids of the source, int32 `[batch, length]`.
            training: whether dropout is on.
        """
        return ops.cast(self.output_layer(self.dropout(states, training=training)), "float32")

    def get_config(self):
        return {**super().get_config(), "outputs": self.outputs, "dropout": self.rate}
