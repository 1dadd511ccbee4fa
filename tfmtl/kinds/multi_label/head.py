"""The head of a multi-label task, which keeps a threshold for each label and the temperature of its probabilities."""

import keras

from tfmtl.models.layers.described_head import DescribedHead
from tfmtl.models.layers.pooled_head import PooledHead
from tfmtl.models.layers.tempered import Tempered


class Thresholded(Tempered):
    """The part of a head that keeps thresholds and a temperature, to be combined with `keras.layers.Layer`.

    Attributes:
        thresholds: the minimum probability for which each label is selected, float32 `[classes]`; one half until they
            are chosen on the validation split.
    """

    def build(self, states_shape, tokens_shape=None, common_shape=None):
        super().build(states_shape, tokens_shape, common_shape)
        half = keras.initializers.Constant(0.5)
        self.thresholds = self.add_weight((self.outputs,), half, dtype="float32", trainable=False, name="thresholds")
        self.add_temperature(place=1)


@keras.saving.register_keras_serializable("tfmtl")
class MultiLabelHead(Thresholded, PooledHead):
    """Computes the logits `[batch, classes]` of one multi-label task."""


@keras.saving.register_keras_serializable("tfmtl")
class DescribedMultiLabelHead(Thresholded, DescribedHead):
    """Computes the same for a task whose head is generated from its descriptor."""
