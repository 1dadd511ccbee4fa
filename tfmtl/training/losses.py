"""The loss of a task as a sum over its labelled rows and the count that it is to be divided by.

Sum and count stay apart so that the count can be taken over all replicas: Keras' own masking divides by the batch
size, so that a task's weight would follow its share of the batch. The count follows from the targets alone.
"""

from abc import ABC, abstractmethod

import numpy as np
import tensorflow as tf

from tfmtl.data.special_tokens import PAD_ID
from tfmtl.kinds.task import Task


class TaskLoss(ABC):
    """The loss of one task.

    Args:
        task: with its label set.
        class_counts: rows of train with each label, `[classes]`; `None` for a task without labels.
    """

    def __init__(self, task: Task, class_counts: np.ndarray | None):
        self.task = task

    @abstractmethod
    def present(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns which rows, or which pieces of each row's summary, have a target: bool `[rows, ...]`."""

    @abstractmethod
    def each(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each row or piece, float32, in the shape of `present`; anything where that is false."""

    def has_target(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns which rows have a target, bool `[rows]`."""
        present = self.present(targets)
        return tf.reduce_any(present, axis=range(1, present.shape.rank))

    def count(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns the rows or pieces that have a target, a float32 scalar."""
        return tf.reduce_sum(tf.cast(self.present(targets), tf.float32))

    def total(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the sum of the losses of all rows or pieces that have a target, a float32 scalar."""
        return tf.reduce_sum(tf.where(self.present(targets), self.each(targets, outputs), 0.0))


class ClassificationLoss(TaskLoss):
    """Cross-entropy of logits `[rows, classes]` with labels int32 `[rows]`, -1 where there is none."""

    def __init__(self, task, class_counts):
        super().__init__(task, class_counts)
        self._weights = tf.constant(class_weights_of(task, class_counts), tf.float32)

    def present(self, targets):
        return targets >= 0

    def each(self, targets, outputs):
        classes, smoothing = len(self.task.labels), self.task.label_smoothing
        labels = tf.maximum(targets, 0)
        wanted = tf.one_hot(labels, classes) * (1.0 - smoothing) + smoothing / classes
        return tf.nn.softmax_cross_entropy_with_logits(wanted, outputs) * tf.gather(self._weights, labels)


def class_weights_of(task: Task, counts: np.ndarray) -> np.ndarray:
    """Returns what the loss of a row with each label is multiplied by, `[classes]`.

    Args:
        task: of classification, its labels known.
        counts: rows of train with each label, `[classes]`.
    """
    if task.class_weights is None:
        return np.ones(len(task.labels))
    if task.class_weights == "balanced":
        return counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.array([task.class_weights.get(label, 1.0) for label in task.labels])


class RegressionLoss(TaskLoss):
    """Squared error of scores `[rows]` with targets float32 `[rows]`, NaN where there is none."""

    def present(self, targets):
        return tf.math.is_finite(targets)

    def each(self, targets, outputs):
        return tf.square(outputs - tf.where(self.present(targets), targets, 0.0))


class PiecesLoss(TaskLoss):
    """Negative log-likelihood `[rows, length - 1]` of what a decoder is to write, int32 `[rows, length]`, by pieces."""

    def present(self, targets):
        return targets[:, 1:] != PAD_ID

    def each(self, targets, outputs):
        return -outputs


LOSSES = {
    "classification": ClassificationLoss,
    "regression": RegressionLoss,
    "summarization": PiecesLoss,
    "denoising": PiecesLoss,
}
"""The loss of a task, by its kind."""
