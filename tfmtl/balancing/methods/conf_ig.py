"""Conflict-free inverse gradients (Liu et al. 2024)."""

import tensorflow as tf

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.quadratic import pseudo_inverse_of_ones
from tfmtl.core.registry import BALANCING


@BALANCING.register("config", options=GramOptions)
class ConFIG(GramCombination):
    r"""The direction with equal cosines to all gradients, as long as the sum of the gradients' projections on it.

    :math:`x = U^+ 1` with the unit gradients as rows of U; :math:`d = (\sum_i g_i \cdot \hat x) \, \hat x`
    (equations 3 and 4).

    Scales the shared parameters only, by the convention of the sum. One backward pass a task. It has no state.

    Differs from the official code because the pseudo-inverse is taken from the cosines `[tasks, tasks]`, not from the
    matrix of all gradients; the momentum version is left out. A gradient of zero takes no part, and where no direction
    has positive cosines to all (opposite gradients) the update is zero.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("config").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.353553, 0.853553]
    """

    def task_weights(self, gram, losses, present):
        shares, norms = pseudo_inverse_of_ones(gram, self._precision)
        # By unit rows: x = sum shares_i u_i, x.u_i = 1 for all i that the rows allow, and x.x = sum of shares.
        weights = tf.math.divide_no_nan(shares, norms)
        inner = tf.linalg.matvec(gram, weights)
        square = tf.tensordot(weights, inner, 1)
        return weights * tf.math.divide_no_nan(tf.reduce_sum(inner), square)
