"""One answer of two: what a head and a linear expert make of the same text."""

import keras
from keras import KerasTensor


@keras.saving.register_keras_serializable("tfmtl")
class LogitAverage(keras.layers.Layer):
    """The logarithmic opinion pool of two classifiers with equal weights (Heskes 1998, eq. 4).

    The mean of their logits: a class is as probable as the geometric mean of both says. Where both are sure it is as
    sure as they are and not twice as sure, as a sum would be.
    """

    def call(self, logits, scores) -> KerasTensor:
        """Returns logits, float32 `[batch, classes]`.

        Args:
            logits: of a task's head, `[batch, classes]`.
            scores: of its linear expert, `[batch, classes]`.
        """
        return (logits + scores) / 2.0

    def compute_output_shape(self, logits_shape, scores_shape):
        return logits_shape
