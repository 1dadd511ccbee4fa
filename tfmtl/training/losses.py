"""The loss of a task as a sum over its labelled rows, and the count by which to divide it.

Sum and count are kept apart so that the count can be taken over all replicas: Keras' own masking divides by the batch
size, which would make a task's weight depend on its share of the batch. The count follows from the targets alone.
"""

from abc import ABC, abstractmethod

import numpy as np
import tensorflow as tf

from tfmtl.data.special_tokens import END_ID, PAD_ID, SPECIAL_IDS, START_ID


class TaskLoss(ABC):
    """The loss of one task, which its kind provides (`tfmtl.kinds.kind.Kind.loss`)."""

    @abstractmethod
    def present(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns whether each entry, such as a token of a row's summary, has a target: bool `[rows, ...]`."""

    @abstractmethod
    def each(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each entry, float32, in the shape of `present`; arbitrary where that is false."""

    def has_target(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns whether each row has a target, bool `[rows]`."""
        present = self.present(targets)
        return tf.reduce_any(present, axis=range(1, present.shape.rank))

    def count(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns the number of entries that have a target, a float32 scalar."""
        return tf.reduce_sum(tf.cast(self.present(targets), tf.float32))

    def total(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the sum of the losses of all entries that have a target, a float32 scalar."""
        return tf.reduce_sum(tf.where(self.present(targets), self.each(targets, outputs), 0.0))

    def classes_seen(self, targets: tf.Tensor) -> tf.Tensor | None:
        """Returns how often each class is a target, float32 `[classes]`; `None` if targets are not classes."""
        return None

    def among(self, outputs: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        """Returns outputs that choose among some classes only, bool `[classes]`; only if `classes_seen` knows any."""
        raise TypeError(f"{type(self).__name__} has no classes")


class TokenLoss(TaskLoss):
    """Negative log-likelihood `[rows, length - 1]` of the tokens to write, int32 `[rows, length]`."""

    def present(self, targets):
        return targets[:, 1:] != PAD_ID

    def each(self, targets, outputs):
        return -outputs


PROBE_TOKENS = tuple(np.array([START_ID, token, END_ID], np.int32) for token in (SPECIAL_IDS, SPECIAL_IDS + 1))
"""Two targets of a row that have different losses by `TokenLoss`."""
