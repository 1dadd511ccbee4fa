"""The means of the losses over an epoch, which Keras shows while it trains."""

from collections.abc import Sequence

import keras
import tensorflow as tf


class LossMeans(keras.metrics.Metric):
    """Running means of the losses: of each task over its rows or tokens, and of their weighted sum over updates.

    It is one metric of vectors, because each metric of Keras adds some twenty operations to every step.

    Args:
        tasks: the names of the tasks, in the order of the losses.

    Attributes:
        shown: the tasks whose means are returned; all of them unless changed before the first step is traced.
    """

    def __init__(self, tasks: Sequence[str]):
        # This name makes Keras put the weighted sum first when it returns a list.
        super().__init__(name="loss", dtype="float32")
        self._names = ["loss", *(f"{task}_loss" for task in tasks)]
        self.shown = list(tasks)
        self._sums = self.add_weight((len(self._names),), initializer="zeros", name="sums")
        self._counts = self.add_weight((len(self._names),), initializer="zeros", name="counts")

    def update_state(self, losses: tf.Tensor, weights: tf.Tensor, counts: tf.Tensor) -> None:
        """Adds one update, whose totals are known to every replica: each replica adds its share of them.

        Args:
            losses: the losses of the tasks over all replicas, float32 `[tasks]`.
            weights: the weights of the losses in their sum, float32 `[tasks]`.
            counts: the number of rows or tokens over which each loss is a mean, float32 `[tasks]`.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        total = tf.reduce_sum(losses * weights, keepdims=True)
        self._sums.assign_add(tf.concat([total, losses * counts], axis=0) / replicas)
        self._counts.assign_add(tf.concat([[1.0], counts], axis=0) / replicas)

    def result(self) -> dict[str, tf.Tensor]:
        """Returns the means by name: `loss`, and `<task>_loss` of each shown task; 0 if nothing has been added."""
        means = tf.math.divide_no_nan(self._sums.value, self._counts.value)
        by_name = dict(zip(self._names, tf.unstack(means), strict=True))
        return {name: by_name[name] for name in ["loss", *(f"{task}_loss" for task in self.shown)]}
