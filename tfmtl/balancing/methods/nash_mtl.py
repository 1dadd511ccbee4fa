"""Multi-task learning as a bargaining game (Navon et al. 2022)."""

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.fair import fair_weights
from tfmtl.core.registry import BALANCING


@BALANCING.register("nash_mtl", options=GramOptions)
class NashMTL(GramCombination):
    r"""The direction that the tasks would agree on in bargaining, which maximises the product of their gains.

    :math:`d = \sum_i \alpha_i g_i` with :math:`G \alpha = 1 / \alpha`, elementwise (claim 3.2).

    It scales the shared parameters only, with the length of the solution, :math:`|d| = \sqrt{T}`, whatever the lengths
    of the gradients. It needs one backward pass per task and has no state.

    It differs from the official code, whose sequence of approximations keeps the weights of the previous step if a task
    conflicts with the sum of all. Here the equation is solved as the minimum of a convex function at every step. The
    official code also multiplies the losses of the heads by the weights and clips the shared gradient to norm 1; here
    `training.clip_norm` does the latter.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("nash_mtl").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(5).tolist()
    [0.5412, 1.30656]
    """

    def task_weights(self, gram, losses, present):
        return fair_weights(gram, 1.0)
