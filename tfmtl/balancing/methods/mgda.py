"""The multiple-gradient descent algorithm (Désidéri 2012; Sener and Koltun 2018)."""

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.quadratic import minimum_norm_weights
from tfmtl.core.registry import BALANCING


@BALANCING.register("mgda", options=GramOptions)
class MGDA(GramCombination):
    r"""The shortest vector in the convex hull of the gradients; zero if no direction helps every task.

    :math:`d = \sum_i w_i g_i`, :math:`w = \arg\min_{w \ge 0, \sum w = 1} |\sum_i w_i g_i|^2`.

    It scales the shared parameters only, with weights that sum to 1, so a step is about T times shorter than that of
    the sum. It needs one backward pass per task and has no state.

    It differs from the official code in that the weights are exact up to rounding (an interior-point solution of the
    problem with rows of unit norm), whereas Frank-Wolfe stops early. The weights of two tasks may be 0 and 1; some
    implementations clamp them to 0.001 and 0.999. The published normalisations (`l2`, `loss`, `loss+`) define different
    problems and are left out. A task whose gradient is zero makes the update zero, as in the paper; an absent task is
    ignored.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("mgda").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.2, 0.4]
    """

    def task_weights(self, gram, losses, present):
        return minimum_norm_weights(gram, present)
