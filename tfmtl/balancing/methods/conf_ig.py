"""Conflict-free inverse gradients (Liu et al. 2024)."""

import tensorflow as tf

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.quadratic import pseudo_inverse_of_ones
from tfmtl.core.registry import BALANCING


@BALANCING.register("config", options=GramOptions)
class ConFIG(GramCombination):
    r"""The direction with equal cosines to all gradients, with the length of the sum of their projections on it.

    :math:`x = U^+ 1` with the unit gradients as rows of U; :math:`d = (\sum_i g_i \cdot \hat x) \, \hat x`
    (equations 3 and 4).

    It scales the shared parameters only, on the scale of the sum of the gradients, needs one backward pass per task,
    and has no state.

    It differs from the official code in that the pseudo-inverse is computed from the cosines `[tasks, tasks]`, not from
    the matrix of all gradients, and in that there is no version with momentum. A zero gradient is ignored. If no
    direction has positive cosines to all gradients (opposite gradients), the update is zero.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("config").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.353553, 0.853553]
    """

    def task_weights(self, gram, losses, present):
        shares, norms = pseudo_inverse_of_ones(gram, self._precision)
        # In unit rows: x = sum shares_i u_i, x.u_i = 1 for all i if the rows allow it, and x.x = sum of shares.
        weights = tf.math.divide_no_nan(shares, norms)
        inner = tf.linalg.matvec(gram, weights)
        square = tf.tensordot(weights, inner, 1)
        return weights * tf.math.divide_no_nan(tf.reduce_sum(inner), square)
