"""The loss of tagging tasks."""

import tensorflow as tf

from tfmtl.training.losses import TaskLoss


class TaggingLoss(TaskLoss):
    r"""Cross-entropy between logits `[rows, length, tags]` and the tags of the words that begin at the tokens.

    Targets are int32 `[rows, length or less]`: 1 + the position of a tag at the first token of a word, else 0. The loss
    of a word is :math:`-\sum_k t_k \log \mathrm{softmax}(z)_k`; the loss of the task is the mean over words.

    Args:
        label_smoothing: the share of the target probability that is spread over all tags.
    """

    def __init__(self, label_smoothing: float = 0.0):
        self._label_smoothing = label_smoothing

    def present(self, targets):
        return targets > 0

    def each(self, targets, outputs):
        # Rows that are longer than all rows with a target are not labelled.
        outputs = outputs[:, : tf.shape(targets)[1]]
        classes = outputs.shape[-1]
        wanted = tf.one_hot(targets - 1, classes) * (1.0 - self._label_smoothing) + self._label_smoothing / classes
        return tf.nn.softmax_cross_entropy_with_logits(wanted, outputs)
