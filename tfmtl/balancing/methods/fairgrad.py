"""Fair resource allocation (Ban and Ji 2024)."""

from pydantic import Field

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.fair import fair_weights
from tfmtl.core.registry import BALANCING


class FairGradOptions(GramOptions):
    """How fairly gains are distributed.

    Attributes:
        alpha: the fairness: values near 0 maximise the sum of the gains, 1 is Nash-MTL, and large values maximise the
            smallest gain.
    """

    alpha: float = Field(1.0, gt=0.0, le=20.0)


@BALANCING.register("fairgrad", options=FairGradOptions)
class FairGrad(GramCombination):
    r"""The direction that distributes gains among the tasks with alpha-fairness.

    :math:`d = \sum_i w_i g_i` with :math:`(G w)_i = w_i^{-1/\alpha}` (equation 8).

    It scales the shared parameters only, with the length of the solution, needs one backward pass per task, and has no
    state.

    It differs from the official code, whose least-squares solver starts from 1/T and misses the solution if gradients
    differ in length by orders of magnitude. Here the equation is solved as the minimum of a convex function. The
    official code also multiplies the result by T and clips it to norm 1; here `training.clip_norm` does the latter.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> gradients = tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)
    >>> get("fairgrad", alpha=2.0).aggregate(gradients).numpy().round(5).tolist()
    [0.67821, 1.49584]
    """

    def task_weights(self, gram, losses, present):
        return fair_weights(gram, self.options.alpha)
