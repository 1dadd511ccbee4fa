"""The loss of regression tasks."""

import tensorflow as tf

from tfmtl.training.losses import TaskLoss


class RegressionLoss(TaskLoss):
    """Squared error between scores `[rows]` and targets, float32 `[rows]`, which are NaN if absent."""

    def present(self, targets):
        return tf.math.is_finite(targets)

    def each(self, targets, outputs):
        return tf.square(outputs - tf.where(self.present(targets), targets, 0.0))
