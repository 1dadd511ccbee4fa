"""The geometric mean of the losses (Chennupati et al. 2019)."""

import tensorflow as tf

from tfmtl.balancing.method import LossWeighting
from tfmtl.core.registry import BALANCING

_SMALLEST_LOSS = 1e-8


@BALANCING.register("gls")
class GLS(LossWeighting):
    r"""The geometric mean of the losses, which no task's unit can change.

    The objective is :math:`(\prod_i L_i)^{1/T}`; effective weights are its derivatives, the mean over :math:`T L_i`.

    Scales shared parameters and heads. No further backward pass. It has no state.

    Differs from the product in the paper because it is the exponential of the mean logarithm, which neither overflows
    nor underflows; a loss below 1e-8 counts as 1e-8. The mean is that of the tasks that are present.

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
