"""Multi-task learning as a bargaining game (Navon et al. 2022)."""

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.fair import fair_weights
from tfmtl.core.registry import BALANCING


@BALANCING.register("nash_mtl", options=GramOptions)
class NashMTL(GramCombination):
    r"""The direction that the tasks would agree on: the one with the largest product of their gains.

    :math:`d = \sum_i \alpha_i g_i` with :math:`G \alpha = 1 / \alpha`, elementwise (claim 3.2).

    Scales the shared parameters only; its length is that of the solution, :math:`|d| = \sqrt{T}`, whatever the
    gradients' lengths. One backward pass a task. It has no state.

    Differs from the official code, whose sequence of approximations keeps the weights of the step before where a task
    conflicts with the sum of all: here the equation is solved as the minimum of a convex function, at every step. The
    official code also multiplies the heads' losses by the weights and clips the shared gradient to norm 1;
    `training.clip_norm` does the latter here.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("nash_mtl").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(5).tolist()
    [0.5412, 1.30656]
    """

    def task_weights(self, gram, losses, present):
        return fair_weights(gram, 1.0)
