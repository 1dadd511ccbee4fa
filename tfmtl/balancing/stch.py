"""Smooth Tchebycheff scalarization (Lin et al. 2024)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import LossWeighting
from tfmtl.balancing.per_task import PerTask, check_per_task
from tfmtl.registry import BALANCING, Options


class STCHOptions(Options):
    """Options of smooth Tchebycheff scalarization.

    Attributes:
        mu: the smoothing; towards 0 only the largest loss counts.
        preference: of each task, one number or a list; 1/T where absent, of the tasks that are present.
        ideal: the loss of each task that cannot be beaten, one number or a list.
    """

    mu: float = Field(1.0, gt=0.0)
    preference: PerTask | None = None
    ideal: PerTask = 0.0


@BALANCING.register("stch", options=STCHOptions)
class STCH(LossWeighting):
    r"""A smooth maximum of the losses: the task that is furthest from its ideal counts most.

    The objective is :math:`\mu \log \sum_i \exp(\lambda_i (L_i - z_i) / \mu)` (equation 8); effective weights are
    :math:`\lambda \operatorname{softmax}(\lambda (L - z) / \mu)`. An absent task takes no part.

    Scales shared parameters and heads. No further backward pass. It has no state.

    Differs from the official multi-task code, which takes logarithms of losses relative to their means in a first epoch
    and multiplies by T.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("stch").weights(tf.constant([1.0, 2.0], tf.float64)).numpy().round(6).tolist()
    [0.18877, 0.31123]
    """

    def check(self, tasks):
        check_per_task("preference", self.options.preference, tasks)
        check_per_task("ideal", self.options.ideal, tasks)

    def _weights(self, losses, present):
        preference = self.options.preference
        if preference is None:
            preference = 1.0 / tf.maximum(tf.reduce_sum(tf.cast(present, losses.dtype)), 1.0)
        preference = tf.broadcast_to(tf.convert_to_tensor(preference, losses.dtype), losses.shape)
        logits = preference * (losses - tf.constant(self.options.ideal, losses.dtype)) / self.options.mu
        return preference * tf.nn.softmax(tf.where(present, logits, tf.fill(losses.shape, losses.dtype.min)))
