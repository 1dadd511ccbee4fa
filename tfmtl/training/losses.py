"""The loss of a task as a sum over its labelled rows and the count that it is to be divided by.

Sum and count stay apart so that the count can be taken over all replicas: Keras' own masking divides by the batch
size, so that a task's weight would follow its share of the batch. The count follows from the targets alone.
"""

from abc import ABC, abstractmethod

import numpy as np
import tensorflow as tf

from tfmtl.data.special_tokens import END_ID, PAD_ID, SPECIAL_IDS, START_ID


class TaskLoss(ABC):
    """The loss of one task; what it is made of is the kind's (`tfmtl.kinds.kind.Kind.loss`)."""

    @abstractmethod
    def present(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns which entries have a target, such as the tokens of each row's summary: bool `[rows, ...]`."""

    @abstractmethod
    def each(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each entry, float32, in the shape of `present`; anything where that is false."""

    def has_target(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns which rows have a target, bool `[rows]`."""
        present = self.present(targets)
        return tf.reduce_any(present, axis=range(1, present.shape.rank))

    def count(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns the entries that have a target, a float32 scalar."""
        return tf.reduce_sum(tf.cast(self.present(targets), tf.float32))

    def total(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the sum of the losses of all entries that have a target, a float32 scalar."""
        return tf.reduce_sum(tf.where(self.present(targets), self.each(targets, outputs), 0.0))


class TokenLoss(TaskLoss):
    """Negative log-likelihood `[rows, length - 1]` of tokens that are to be written, int32 `[rows, length]`."""

    def present(self, targets):
        return targets[:, 1:] != PAD_ID

    def each(self, targets, outputs):
        return -outputs


PROBE_TOKENS = tuple(np.array([START_ID, token, END_ID], np.int32) for token in (SPECIAL_IDS, SPECIAL_IDS + 1))
"""Two targets of a row whose losses by `TokenLoss` differ."""
