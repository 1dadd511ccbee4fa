"""The loss of question answering tasks."""

import tensorflow as tf

from tfmtl.training.losses import TaskLoss


class SpanLoss(TaskLoss):
    """Cross-entropy of the first and of the last token of an answer, given scores `[rows, length, 2]`.

    Targets are int32 `[rows, 2]`, the two positions, or -1. The loss of the task is the mean over both positions of all
    labelled rows.
    """

    def present(self, targets):
        return targets >= 0

    def each(self, targets, outputs):
        scores = tf.transpose(outputs, [0, 2, 1])
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(targets, 0), scores)
