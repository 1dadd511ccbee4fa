"""Robust multi-task learning with excess risks (He et al. 2024)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GradientCombination
from tfmtl.core.registry import BALANCING, Options


class ExcessMTLOptions(Options):
    """How fast the weights change.

    Attributes:
        step_size: the step size of the multiplicative updates of the weights.
    """

    step_size: float = Field(1.0, gt=0.0)


@BALANCING.register("excess_mtl", options=ExcessMTLOptions)
class ExcessMTL(GradientCombination):
    r"""Weights grow with each task's excess risk, the part of its loss that training can still remove.

    With :math:`h_i \leftarrow h_i + g_i^2`, the excess risk is :math:`E_i = \sum g_i^2 / \sqrt{h_i}`, from the second
    step on relative to the first; :math:`w_i \leftarrow w_i \exp(\eta E_i) / \sum_j w_j \exp(\eta E_j)`,
    :math:`d = \sum_i w_i g_i` (Algorithm 1).

    It scales the shared parameters only, with weights that sum to 1. It needs one backward pass per task and memory for
    T times the shared parameters. Its state consists of the sums of squares `[tasks, size]`, and of the logarithm of
    the weight and the first excess risk of each task.

    It differs from the official code in that weights are kept as logarithms, so that a large first excess risk gives a
    weight of 1 instead of NaN, and in that there is no warm-up. The state of an absent task does not change.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("excess_mtl").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(5).tolist()
    [-0.46212, 0.73106]
    """

    def _make_state(self, count, size, dtype):
        self._squares = self._variable("squares", tf.zeros([count, size], dtype), dtype)
        self._logits = self._variable("logits", tf.zeros([count], dtype), dtype)
        self._first = self._variable("first", tf.zeros([count], dtype), dtype)

    def combine(self, gradients, losses, present):
        squares = self._squares.value + gradients**2
        excess = tf.reduce_sum(tf.math.divide_no_nan(gradients**2, tf.sqrt(squares)), axis=1)
        first = self._first.value
        relative = tf.where(first > 0, tf.math.divide_no_nan(excess, first), excess)
        logits = self._logits.value + tf.where(present, self.options.step_size * relative, tf.zeros_like(excess))
        logits -= tf.reduce_max(logits)
        self._squares.assign(squares)
        self._first.assign(tf.where(first > 0, first, excess))
        self._logits.assign(logits)
        least = tf.fill(tf.shape(logits), logits.dtype.min)
        weights = tf.nn.softmax(tf.where(present, logits, least))
        return tf.linalg.matvec(gradients, weights, transpose_a=True), weights
