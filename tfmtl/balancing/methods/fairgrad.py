"""Fair resource allocation (Ban and Ji 2024)."""

from pydantic import Field

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.fair import fair_weights
from tfmtl.core.registry import BALANCING


class FairGradOptions(GramOptions):
    """Options of FairGrad.

    Attributes:
        alpha: the fairness: towards 0 the sum of gains counts, 1 is Nash-MTL, towards infinity the smallest gain.
    """

    alpha: float = Field(1.0, gt=0.0, le=20.0)


@BALANCING.register("fairgrad", options=FairGradOptions)
class FairGrad(GramCombination):
    r"""The direction whose gains are alpha-fair among the tasks.

    :math:`d = \sum_i w_i g_i` with :math:`(G w)_i = w_i^{-1/\alpha}` (equation 8).

    Scales the shared parameters only; its length is that of the solution. One backward pass a task. It has no state.

    Differs from the official code, whose least squares start from 1/T and miss the solution where gradients differ in
    length by orders: here the equation is solved as the minimum of a convex function. That code also multiplies the
    result by T and clips it to norm 1; `training.clip_norm` does the latter here.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> gradients = tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)
    >>> get("fairgrad", alpha=2.0).aggregate(gradients).numpy().round(5).tolist()
    [0.67821, 1.49584]
    """

    def task_weights(self, gram, losses, present):
        return fair_weights(gram, self.options.alpha)
