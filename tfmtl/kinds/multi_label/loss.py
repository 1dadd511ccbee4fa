"""The loss of multi-label tasks."""

import numpy as np
import tensorflow as tf

from tfmtl.training.losses import TaskLoss


class MultiLabelLoss(TaskLoss):
    r"""Binary cross-entropy between logits `[rows, classes]` and targets, int32 `[rows, classes]`, -1 if absent.

    The loss of a label is :math:`-w \, t \log \sigma(z) - (1 - t) \log(1 - \sigma(z))`; the loss of the task is the
    mean over labels and labelled rows.

    Args:
        class_weights: the weights w, `[classes]`.
        label_smoothing: the share of the way by which targets are moved towards one half.
    """

    def __init__(self, class_weights: np.ndarray, label_smoothing: float = 0.0):
        self._weights = tf.constant(class_weights, tf.float32)
        self._label_smoothing = label_smoothing

    def present(self, targets):
        return targets >= 0

    def each(self, targets, outputs):
        wanted = tf.cast(tf.maximum(targets, 0), tf.float32)
        wanted = wanted * (1.0 - self._label_smoothing) + 0.5 * self._label_smoothing
        return tf.nn.weighted_cross_entropy_with_logits(wanted, outputs, self._weights)
