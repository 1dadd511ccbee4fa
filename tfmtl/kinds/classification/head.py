"""The head of a classification task, which keeps the temperature of its probabilities."""

import keras

from tfmtl.models.layers.described_head import DescribedHead
from tfmtl.models.layers.pooled_head import PooledHead
from tfmtl.models.layers.tempered import Tempered


@keras.saving.register_keras_serializable("tfmtl")
class ClassificationHead(Tempered, PooledHead):
    """Computes the logits `[batch, classes]` of one classification task."""

    def build(self, states_shape, tokens_shape=None, common_shape=None):
        super().build(states_shape, tokens_shape, common_shape)
        self.add_temperature()


@keras.saving.register_keras_serializable("tfmtl")
class DescribedClassificationHead(Tempered, DescribedHead):
    """Computes the same for a task whose head is generated from its descriptor."""

    def build(self, states_shape, tokens_shape=None, common_shape=None):
        super().build(states_shape, tokens_shape, common_shape)
        self.add_temperature()
