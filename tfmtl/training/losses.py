"""The loss of a task as a sum over its labelled rows and the count that it is to be divided by.

Sum and count stay apart so that the count can be taken over all replicas: Keras' own masking divides by the batch
size, so that a task's weight would follow its share of the batch.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfmtl.data.piece_ids import PAD_ID
from tfmtl.tasks.task import Task

LossTerms = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""From targets and outputs to the sum and the count, float32 scalars."""


def classification_terms(task: Task, class_counts: np.ndarray) -> LossTerms:
    """Cross-entropy of logits `[rows, classes]` with labels int32 `[rows]`, -1 where there is none.

    Args:
        task: its label smoothing and class weights.
        class_counts: rows of train with each label, `[classes]`, for balanced weights.
    """
    weights = tf.constant(_class_weights(task, class_counts), tf.float32)
    classes, smoothing = len(task.labels), task.label_smoothing

    def terms(labels, logits):
        present = labels >= 0
        labels = tf.where(present, labels, 0)
        target = tf.one_hot(labels, classes) * (1.0 - smoothing) + smoothing / classes
        losses = tf.nn.softmax_cross_entropy_with_logits(target, logits) * tf.gather(weights, labels)
        return _sum(losses, present)

    return terms


def _class_weights(task: Task, counts: np.ndarray) -> np.ndarray:
    if task.class_weights is None:
        return np.ones(len(task.labels))
    if task.class_weights == "balanced":
        return counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.array([task.class_weights.get(label, 1.0) for label in task.labels])


def regression_terms(task: Task, class_counts: np.ndarray) -> LossTerms:
    """Squared error of scores `[rows]` with targets float32 `[rows]`, NaN where there is none."""

    def terms(targets, scores):
        present = tf.math.is_finite(targets)
        return _sum(tf.square(scores - tf.where(present, targets, 0.0)), present)

    return terms


def summarization_terms(task: Task, class_counts: np.ndarray) -> LossTerms:
    """Negative log-likelihood `[rows, length - 1]` of summaries int32 `[rows, length]`; the count is pieces."""

    def terms(summary, likelihood):
        return _sum(-likelihood, summary[:, 1:] != PAD_ID)

    return terms


def _sum(losses: tf.Tensor, present: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    total = tf.reduce_sum(tf.where(present, losses, 0.0))
    return total, tf.reduce_sum(tf.cast(present, tf.float32))


TERMS = {
    "classification": classification_terms,
    "regression": regression_terms,
    "summarization": summarization_terms,
}
"""What makes the loss of a task, by its kind."""
