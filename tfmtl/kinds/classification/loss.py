"""The loss of classification tasks."""

import numpy as np
import tensorflow as tf

from tfmtl.training.losses import TaskLoss


class ClassificationLoss(TaskLoss):
    """Cross-entropy between logits `[rows, classes]` and labels, int32 `[rows]`, which are -1 if absent.

    Args:
        class_weights: the factors of the losses of rows, by their class, `[classes]`.
        label_smoothing: the share of the target probability that is spread over all classes.
    """

    def __init__(self, class_weights: np.ndarray, label_smoothing: float = 0.0):
        self._weights = tf.constant(class_weights, tf.float32)
        self._label_smoothing = label_smoothing

    def present(self, targets):
        return targets >= 0

    def each(self, targets, outputs):
        classes, smoothing = self._weights.shape[0], self._label_smoothing
        labels = tf.maximum(targets, 0)
        wanted = tf.one_hot(labels, classes) * (1.0 - smoothing) + smoothing / classes
        return tf.nn.softmax_cross_entropy_with_logits(wanted, outputs) * tf.gather(self._weights, labels)

    def classes_seen(self, targets):
        return tf.reduce_sum(tf.one_hot(targets, self._weights.shape[0]), axis=0)

    def among(self, outputs, classes):
        # A finite number, because a smoothed target multiplies it by a share that may be zero.
        return tf.where(classes, outputs, tf.cast(-1e9, outputs.dtype))
