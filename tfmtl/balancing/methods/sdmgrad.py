"""Direction-oriented multi-objective learning (Xiao et al. 2023)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.quadratic import minimum_on_plane, unit_gram
from tfmtl.core.registry import BALANCING


class SDMGradOptions(GramOptions):
    """How close the direction stays to the mean gradient.

    Attributes:
        pull: the weight lambda of the mean gradient; 0 is MGDA, and a large value approaches the mean.
    """

    pull: float = Field(0.3, ge=0.0)


@BALANCING.register("sdmgrad", options=SDMGradOptions)
class SDMGrad(GramCombination):
    r"""The direction common to all tasks, kept near the mean gradient.

    :math:`d = (g_w + \lambda g_0) / (1 + \lambda)` with the mean :math:`g_0` and :math:`g_w = \sum_i w_i g_i`,
    :math:`w = \arg\min_{w \ge 0, \sum w = 1} |g_w + \lambda g_0|^2` (equations 6 and 7).

    It scales the shared parameters only, with weights that sum to 1, needs one backward pass per task, and has no
    state.

    It differs from the official code in that the problem is solved on the whole batch. The official code takes
    stochastic steps with independent batches for the two factors of each product, at the cost of three forward passes
    per step. It also differs in that the result is divided by 1 + lambda.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("sdmgrad", pull=0.0).aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(5).tolist()
    [0.2, 0.4]
    """

    def task_weights(self, gram, losses, present):
        cosines, norms = unit_gram(gram)
        count = tf.maximum(tf.reduce_sum(tf.cast(present, gram.dtype)), 1.0)
        mean = tf.cast(present, gram.dtype) / count
        usable = present & (norms > 0)
        # In units of the shortest gradient: x_i = w_i |g_i| / shortest, so the sum of the weights is normal'x.
        shortest = tf.reduce_min(tf.where(usable, norms, tf.fill(tf.shape(norms), norms.dtype.max)))
        normal = tf.where(usable, tf.math.divide_no_nan(shortest, norms), tf.zeros_like(norms))
        normal = tf.where(tf.reduce_any(usable), normal, tf.ones_like(norms))
        pull = self.options.pull * tf.linalg.matvec(cosines, mean * norms) / shortest
        size = tf.maximum(tf.reduce_max(tf.abs(pull)), 1.0)
        shares = normal * minimum_on_plane(cosines / size, pull / size, normal)
        shares = tf.math.divide_no_nan(shares, tf.reduce_sum(shares))
        return (shares + self.options.pull * mean) / (1.0 + self.options.pull)
