"""A small network beside the output of a sublayer."""

import keras
from keras import KerasTensor


@keras.saving.register_keras_serializable("tfmtl")
class Adapter(keras.layers.Layer):
    r"""A bottleneck with a residual connection (Houlsby et al. 2019): :math:`h + U \operatorname{gelu}(D h)`.

    Args:
        bottleneck: the width of the hidden layer.
    """

    def __init__(self, bottleneck: int, **kwargs):
        super().__init__(**kwargs)
        self.bottleneck = bottleneck

    def build(self, states_shape):
        policy = self.dtype_policy
        self.down = keras.layers.Dense(self.bottleneck, activation="gelu", name="down", dtype=policy)
        self.up = keras.layers.Dense(states_shape[-1], kernel_initializer="zeros", name="up", dtype=policy)
        self.down.build(states_shape)
        self.up.build((*states_shape[:-1], self.bottleneck))

    def call(self, states) -> KerasTensor:
        """Returns `[batch, length, hidden]`."""
        return states + self.up(self.down(states))

    def get_config(self):
        return {**super().get_config(), "bottleneck": self.bottleneck}
