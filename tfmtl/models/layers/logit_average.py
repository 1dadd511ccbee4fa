"""Averages the answers of a head and a linear expert to the same text."""

import keras
from keras import KerasTensor


@keras.saving.register_keras_serializable("tfmtl")
class LogitAverage(keras.layers.Layer):
    """The logarithmic opinion pool of two classifiers with equal weights (Heskes 1998, eq. 4).

    It is the mean of their logits: the probability of a class is proportional to the geometric mean of its two
    probabilities. If both classifiers are certain, the result is as certain as they are, and not twice as certain, as a
    sum would be.
    """

    def call(self, logits, scores) -> KerasTensor:
        """Returns logits, float32 `[batch, classes]`.

        Args:
            logits: the logits of a task's head, `[batch, classes]`.
            scores: the scores of its linear expert, `[batch, classes]`.
        """
        return (logits + scores) / 2.0

    def compute_output_shape(self, logits_shape, scores_shape):
        return logits_shape
