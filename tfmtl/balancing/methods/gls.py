"""The geometric mean of the losses (Chennupati et al. 2019)."""

import tensorflow as tf

from tfmtl.balancing.method import LossWeighting
from tfmtl.core.registry import BALANCING

_SMALLEST_LOSS = 1e-8


@BALANCING.register("gls")
class GLS(LossWeighting):
    r"""The geometric mean of the losses, which balances tasks independently of the units of their losses.

    The objective is :math:`(\prod_i L_i)^{1/T}`; effective weights are its derivatives, the mean divided by
    :math:`T L_i`.

    It scales shared parameters and heads, needs no additional backward pass, and has no state.

    It differs from the product in the paper in that it is computed as the exponential of the mean logarithm, which can
    neither overflow nor underflow. A loss below 1e-8 counts as 1e-8. The mean is over the tasks that are present.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("gls").weights(tf.constant([1.0, 4.0])).numpy().round(6).tolist()
    [1.0, 0.25]
    """

    def _weights(self, losses, present):
        losses = tf.maximum(losses, _SMALLEST_LOSS)
        there = tf.cast(present, losses.dtype)
        count = tf.maximum(tf.reduce_sum(there), 1.0)
        mean = tf.exp(tf.reduce_sum(tf.math.log(losses) * there) / count)
        return there * mean / (count * losses)
