"""Unconflicting projection of gradients (Quinton and Rey 2024)."""

import tensorflow as tf

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.quadratic import dual_cone_weights, unit_gram
from tfmtl.core.registry import BALANCING


@BALANCING.register("upgrad", options=GramOptions)
class UPGrad(GramCombination):
    r"""The mean of the gradients after each is projected onto the directions that hurt no task.

    :math:`d = \frac{1}{T} \sum_i \pi(g_i)`, where :math:`\pi(x)` is the vector closest to x whose inner product with
    every gradient is not negative (section 3.2). Therefore d hurts no task, up to rounding.

    It scales the shared parameters only, on the scale of the mean gradient. It needs one backward pass per task and the
    solution of T small quadratic problems, and has no state.

    It differs from the official code in that nothing is added to the Gram matrix; the 1e-4 of the official code lets an
    update hurt a task whose gradient is short. Here the rows of unit norm are projected, whose cone is the same, and
    the result is multiplied by the norm.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("upgrad").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.25, 0.75]
    """

    def task_weights(self, gram, losses, present):
        cosines, norms = unit_gram(gram)
        of_each = tf.map_fn(lambda row: dual_cone_weights(cosines, row), tf.eye(gram.shape[0], dtype=gram.dtype))
        projected = tf.linalg.matvec(of_each, norms, transpose_a=True)
        return tf.math.divide_no_nan(projected, norms) / tf.maximum(tf.reduce_sum(tf.cast(present, gram.dtype)), 1.0)
