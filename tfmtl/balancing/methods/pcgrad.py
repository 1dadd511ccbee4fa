"""Projecting conflicting gradients (Yu et al. 2020)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.orders import random_orders
from tfmtl.core.registry import BALANCING


class PCGradOptions(GramOptions):
    """In which orders gradients meet.

    Attributes:
        seed: the seed of the orders in which a gradient meets the others.
    """

    seed: int = Field(0, ge=0, lt=2**31)


@BALANCING.register("pcgrad", options=PCGradOptions)
class PCGrad(GramCombination):
    r"""The sum of the gradients after each drops what conflicts with each other one, met in a random order.

    :math:`p_i \leftarrow p_i - \min(0, p_i \cdot g_j) / |g_j|^2 \; g_j` for all :math:`j \ne i`, beginning with
    :math:`p_i = g_i`; :math:`d = \sum_i p_i` (Algorithm 1).

    It scales the shared parameters only, on the scale of the sum of the gradients, and needs one backward pass per
    task. Its state is the number of draws, which determines the orders of each step, the same on every replica.

    It differs from the official code, which discards the result of its shuffle, so that its order is fixed, and lets a
    gradient meet itself, which changes the result if the gradient has been projected before. Here projections are
    computed on the coefficients of the gradients, from their inner products.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("pcgrad").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.5, 1.5]
    """

    def _make_state(self, count, size, dtype):
        self._draws = self._variable("draws", 0, "int32")

    def task_weights(self, gram, losses, present):
        orders = random_orders(gram.shape[0], self.options.seed, self._draws.value)
        self._draws.assign_add(1)
        return self.projected(gram, orders)

    @staticmethod
    def projected(gram: tf.Tensor, orders: tf.Tensor) -> tf.Tensor:
        """Returns the weights, float64 `[tasks]`, for `orders` of the other tasks, int32 `[tasks, tasks - 1]`."""
        coefficients = tf.eye(gram.shape[0], dtype=gram.dtype)
        squares = tf.linalg.diag_part(gram)
        for met in tf.unstack(orders, axis=1):
            inner = tf.reduce_sum(coefficients * tf.gather(gram, met), axis=1)
            square = tf.gather(squares, met)
            share = tf.math.divide_no_nan(tf.minimum(inner, 0.0), square)
            coefficients -= share[:, None] * tf.one_hot(met, gram.shape[0], dtype=gram.dtype)
        return tf.reduce_sum(coefficients, axis=0)
