"""Multi-objective gradient correction (Fernando et al. 2023)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GradientCombination
from tfmtl.balancing.solvers.simplex import projected_onto_simplex
from tfmtl.core.registry import BALANCING, Options


class MoCoOptions(Options):
    """How gradients are tracked and how weights move.

    Attributes:
        beta: the rate at which the tracked gradients follow those of the batches.
        gamma: the step size of the weights.
        rho: the strength with which the weights are pulled towards each other.
    """

    beta: float = Field(0.5, gt=0.0, le=1.0)
    gamma: float = Field(0.1, gt=0.0)
    rho: float = Field(0.0, ge=0.0)


@BALANCING.register("moco", options=MoCoOptions)
class MoCo(GradientCombination):
    r"""MGDA on tracked gradients with weights that move slowly, so that its bias from sampled batches vanishes.

    :math:`y_i \leftarrow y_i - \beta (y_i - g_i)`, :math:`\lambda \leftarrow \Pi_\Delta (\lambda - \gamma (Y Y^\top +
    \rho I) \lambda)`, :math:`d = \sum_i \lambda_i y_i` (Algorithm 1). Tracked gradients start from those of the first
    batch, and weights from 1/T.

    It scales the shared parameters only, with weights that sum to 1. It needs one backward pass per task and memory for
    T times the shared parameters. Its state consists of the tracked gradients `[tasks, size]` and the weights
    `[tasks]`.

    It differs from the official code in that Y Y' is divided by its trace, so that the same gamma fits gradients of any
    length; in that tracking does not start from zero; and in that beta does not decrease over the steps. The tracked
    gradient of an absent task does not change. The task is ignored in the step, and the other tasks share its weight.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("moco").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.016667, 0.491667]
    """

    def _make_state(self, count, size, dtype):
        self._tracked = self._variable("tracked", tf.zeros([count, size], dtype), dtype)
        self._seen = self._variable("seen", tf.zeros([count], tf.bool), "bool")
        self._weights = self._variable("weights", tf.fill([count], tf.cast(1.0 / count, dtype)), dtype)

    def combine(self, gradients, losses, present):
        options = self.options
        share = tf.where(self._seen.value, tf.cast(options.beta, gradients.dtype), tf.ones([], gradients.dtype))
        share = tf.where(present, share, tf.zeros_like(share))
        tracked = self._tracked.value + share[:, None] * (gradients - self._tracked.value)
        gram = tf.matmul(tracked, tracked, transpose_b=True)
        gram = tf.math.divide_no_nan(gram, tf.linalg.trace(gram)) + options.rho * tf.eye(
            gram.shape[0], dtype=gram.dtype
        )
        weights = self._weights.value
        moved = projected_onto_simplex(weights - options.gamma * tf.linalg.matvec(gram, weights))
        weights = tf.where(tf.reduce_any(present), moved, weights)
        self._tracked.assign(tracked)
        self._seen.assign(self._seen.value | present)
        self._weights.assign(weights)
        shares = tf.where(present, weights, tf.zeros_like(weights))
        shares = tf.math.divide_no_nan(shares, tf.reduce_sum(shares))
        return tf.linalg.matvec(tracked, shares, transpose_a=True), shares
