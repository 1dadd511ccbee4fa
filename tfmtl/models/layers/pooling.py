"""Layers that pool the states of a text into one vector."""

import keras
from keras import KerasTensor, ops

from tfmtl.models.layers.tokens import score_bias


@keras.saving.register_keras_serializable("tfmtl")
class AttentionPooling(keras.layers.Layer):
    """The mean of a text's states, weighted by a learned score (Yang et al. 2016, section 2.2).

    Difference from the paper: the score is linear in the state; the trunk before it is deep enough.
    """

    def build(self, states_shape, mask_shape=None):
        # Without a bias, which would have no effect on the softmax.
        self.score = keras.layers.Dense(
            1, use_bias=False, kernel_initializer="zeros", name="score", dtype=self.dtype_policy
        )
        self.score.build(states_shape)

    def call(self, states, mask) -> KerasTensor:
        """Returns `[batch, hidden]`: initially the plain mean over the positions where `mask` is true."""
        scores = ops.cast(self.score(states)[..., 0], "float32") + score_bias(mask)
        weights = ops.cast(ops.softmax(scores, axis=-1), states.dtype)
        return ops.matmul(weights[:, None, :], states)[:, 0]


@keras.saving.register_keras_serializable("tfmtl")
class LastPooling(keras.layers.Layer):
    """The state of a text's last token, which in a causal trunk has seen the whole text.

    Radford et al. 2018, section 3.2.
    """

    def call(self, states, mask) -> KerasTensor:
        """Returns `[batch, hidden]`: the state at the last position where `mask` is true; the first if it never is."""
        places = ops.arange(ops.shape(mask)[1], dtype="int32")[None, :]
        last = ops.max(ops.where(mask, places, 0), axis=1, keepdims=True, initial=0)
        return ops.matmul(ops.cast(places == last, states.dtype)[:, None, :], states)[:, 0]


@keras.saving.register_keras_serializable("tfmtl")
class MeanPooling(keras.layers.Layer):
    """The mean of a text's states, as sentence encoders are trained with (Reimers and Gurevych 2019)."""

    def call(self, states, mask) -> KerasTensor:
        """Returns `[batch, hidden]`: the mean over the positions where `mask` is true; 0 if it never is."""
        counted = ops.cast(mask, "float32")
        weights = counted / ops.maximum(ops.sum(counted, axis=1, keepdims=True), 1.0)
        return ops.matmul(ops.cast(weights, states.dtype)[:, None, :], states)[:, 0]
