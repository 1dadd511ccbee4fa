"""Impartial learning of the shared parameters (Liu et al. 2021)."""

import tensorflow as tf

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.quadratic import pseudo_inverse_of_ones
from tfmtl.core.registry import BALANCING


@BALANCING.register("imtl_g", options=GramOptions)
class IMTLG(GramCombination):
    r"""The combination with equal projections on all gradients and with weights that sum to 1.

    :math:`d \cdot u_i = d \cdot u_j` with :math:`u_i = g_i / |g_i|`, so
    :math:`w \propto G^{-1} \operatorname{diag}(G)^{1/2}` (section 3.2).

    It scales the shared parameters only, because a weight may be negative with three or more tasks, which would
    increase the loss of a head. It needs one backward pass per task and has no state.

    It differs from the official code in that the inverse is the pseudo-inverse of the cosines. If there are more tasks
    than independent directions, the paper's form has no solution, and the projections are only as equal as possible. A
    zero gradient is ignored. For opposite gradients the update is zero. With three or more tasks, the equal projections
    may be negative, so that the update hurts all tasks alike; this is a property of the formula.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("imtl_g").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.171573, 0.414214]
    """

    def task_weights(self, gram, losses, present):
        shares, norms = pseudo_inverse_of_ones(gram, self._precision)
        weights = tf.math.divide_no_nan(shares, norms)
        return tf.math.divide_no_nan(weights, tf.reduce_sum(weights))
