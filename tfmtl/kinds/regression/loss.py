"""The squared error of one number."""

import tensorflow as tf

from tfmtl.training.losses import TaskLoss


class RegressionLoss(TaskLoss):
    """Squared error of scores `[rows]` with targets float32 `[rows]`, NaN where there is none."""

    def present(self, targets):
        return tf.math.is_finite(targets)

    def each(self, targets, outputs):
        return tf.square(outputs - tf.where(self.present(targets), targets, 0.0))
