"""Impartial learning of the shared parameters (Liu et al. 2021)."""

import tensorflow as tf

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.quadratic import pseudo_inverse_of_ones
from tfmtl.core.registry import BALANCING


@BALANCING.register("imtl_g", options=GramOptions)
class IMTLG(GramCombination):
    r"""The combination whose projections on all gradients are equal, with weights that sum to 1.

    :math:`d \cdot u_i = d \cdot u_j` with :math:`u_i = g_i / |g_i|`, so
    :math:`w \propto G^{-1} \operatorname{diag}(G)^{1/2}` (section 3.2).

    Scales the shared parameters only; a weight may be negative with three tasks or more, which would train a head
    uphill. One backward pass a task. It has no state.

    Differs from the official code because the inverse is the pseudo-inverse of the cosines: more tasks than independent
    directions have no solution in the paper's form, and projections are then equal only as nearly as can be. A gradient
    of zero takes no part. For opposite gradients the update is zero. With three tasks or more the equal projections may
    be negative, so that the update hurts all of them alike; it is the formula's.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("imtl_g").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.171573, 0.414214]
    """

    def task_weights(self, gram, losses, present):
        shares, norms = pseudo_inverse_of_ones(gram, self._precision)
        weights = tf.math.divide_no_nan(shares, norms)
        return tf.math.divide_no_nan(weights, tf.reduce_sum(weights))
