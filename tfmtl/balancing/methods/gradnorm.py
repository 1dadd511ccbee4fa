"""Gradient normalization (Chen et al. 2018)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.core.registry import BALANCING

_SMALLEST_WEIGHT = 1e-3


class GradNormOptions(GramOptions):
    """How the weights are learned.

    Attributes:
        alpha: the strength with which tasks that have learned less than the others are pushed.
        learning_rate: the learning rate of the weights.
    """

    alpha: float = Field(1.5, ge=0.0)
    learning_rate: float = Field(0.025, gt=0.0)


@BALANCING.register("gradnorm", options=GradNormOptions)
class GradNorm(GramCombination):
    r"""Weights move until the norm of each task's weighted gradient matches the task's rate of learning.

    :math:`d = \sum_i w_i g_i`. Then, with :math:`n_i = w_i |g_i|` and the inverse rate
    :math:`r_i = (L_i / L_i(0)) / \operatorname{mean}_j (L_j / L_j(0))`, w takes a gradient step on
    :math:`\sum_i |n_i - \bar n \, r_i^\alpha|`, where the targets are constants, and is scaled to the sum T
    (section 3.3).

    It scales shared parameters and heads, with weights that sum to T, and needs one backward pass per task. Its state
    consists of the weights and the first losses, `[tasks]` each.

    It differs from the official code in that norms are those of the whole gradients that are combined, not only of the
    last shared layer, and in that a weight does not fall below 0.001; in the form of the paper it can become negative.
    Neither weight decay nor the optimizer of the model affects the weights. The state of an absent task does not
    change.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("gradnorm").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.0, 1.0]
    """

    scales_heads = True

    def _make_state(self, count, size, dtype):
        self._weights = self._variable("weights", tf.ones([count], dtype), dtype)
        self._first = self._variable("first", tf.zeros([count], dtype), dtype)

    def task_weights(self, gram, losses, present):
        weights, first = (
            tf.cast(tf.convert_to_tensor(variable.value), gram.dtype) for variable in (self._weights, self._first)
        )
        first = tf.where(present & (first == 0), losses, first)
        moved = self.moved(weights, tf.sqrt(tf.linalg.diag_part(gram)), tf.math.divide_no_nan(losses, first), present)
        self._first.assign(tf.cast(first, self._first.dtype))
        self._weights.assign(tf.cast(moved, self._weights.dtype))
        return weights

    def moved(self, weights: tf.Tensor, norms: tf.Tensor, ratios: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """Returns the weights after a step.

        Args:
            weights: the weights before the step, `[tasks]`.
            norms: the norms of the unweighted gradients, `[tasks]`.
            ratios: the losses divided by the first losses, `[tasks]`.
            present: whether each task is present, bool `[tasks]`.
        """
        there = tf.cast(present, weights.dtype)
        count = tf.maximum(tf.reduce_sum(there), 1.0)
        pulls = weights * norms * there
        mean = tf.reduce_sum(pulls) / count
        rates = tf.math.divide_no_nan(ratios * there, tf.reduce_sum(ratios * there) / count)
        slope = tf.sign(pulls - mean * rates**self.options.alpha) * norms * there
        moved = tf.maximum(weights - self.options.learning_rate * slope, _SMALLEST_WEIGHT)
        return moved * weights.shape[0] / tf.reduce_sum(moved)
