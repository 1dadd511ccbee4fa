"""The head of a regression task."""

import keras
from keras import KerasTensor

from tfmtl.models.layers.pooled_head import PooledHead


@keras.saving.register_keras_serializable("tfmtl")
class RegressionHead(PooledHead):
    """Computes the scores `[batch]` of one regression task, in the unit of the targets.

    Args:
        mean: the mean of the training targets.
        deviation: the standard deviation of the training targets; the output layer works in units of it, so that its
            initial weights fit targets of any magnitude.
        **kwargs: the arguments of `PooledHead`.
    """

    def __init__(self, mean: float = 0.0, deviation: float = 1.0, **kwargs):
        super().__init__(**{**kwargs, "outputs": 1})
        self.mean = mean
        self.deviation = deviation

    def call(self, states, tokens, common=None, training=None) -> KerasTensor:
        return self.mean + self.deviation * super().call(states, tokens, common, training=training)[:, 0]

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "deviation": self.deviation}
