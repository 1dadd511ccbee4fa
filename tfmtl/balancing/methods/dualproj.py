"""Projection of the mean gradient, as in gradient episodic memory (Lopez-Paz and Ranzato 2017)."""

import tensorflow as tf

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.quadratic import dual_cone_weights, unit_gram
from tfmtl.core.registry import BALANCING


@BALANCING.register("dualproj", options=GramOptions)
class DualProj(GramCombination):
    r"""The mean gradient, projected onto the directions that hurt no task.

    :math:`d = \pi(\frac{1}{T} \sum_i g_i)`, where :math:`\pi(x)` is the vector closest to x whose inner product with
    every gradient is not negative (equation 11, with all tasks in place of the memories).

    It scales the shared parameters only, on the scale of the mean gradient. It needs one backward pass per task and the
    solution of one small quadratic problem, and has no state.

    It differs from the official code in that the problem is solved for rows of unit norm and that nothing is added to
    the Gram matrix, so that a task with a short gradient is not hurt either.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("dualproj").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.0, 0.5]
    """

    def task_weights(self, gram, losses, present):
        cosines, norms = unit_gram(gram)
        # Lengths are in units of the longest one, so that the problem is of order one.
        longest = tf.reduce_max(norms)
        lower = tf.math.divide_no_nan(norms, longest)
        count = tf.maximum(tf.reduce_sum(tf.cast(present, gram.dtype)), 1.0)
        return tf.math.divide_no_nan(dual_cone_weights(cosines, lower) * longest, norms) / count
