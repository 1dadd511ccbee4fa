"""Impartial learning of the losses (Liu et al. 2021)."""

import tensorflow as tf

from tfmtl.balancing.learned import LearnedOptions, LearnedWeighting
from tfmtl.core.registry import BALANCING


@BALANCING.register("imtl_l", options=LearnedOptions)
class IMTLL(LearnedWeighting):
    r"""Each task's loss is multiplied by a learned factor, so that all scaled losses approach 1.

    The objective is :math:`\sum_i e^{s_i} L_i - s_i` (section 3.1); effective weights are :math:`e^{s}`, and s descends
    along its derivative :math:`e^s L - 1` with Adam.

    It scales shared parameters and heads, on the scale of the sum of the losses, and needs no additional backward pass.
    Its state consists of s and the moments of Adam, `[tasks]` each.

    It differs from the official code in that s is clamped and has an optimizer of its own.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> method = get("imtl_l", initial=[0.0, -1.3862943611198906])
    >>> method.weights(tf.constant([1.0, 4.0])).numpy().round(6).tolist()
    [1.0, 0.25]
    """

    def _weights(self, losses, present):
        weights = tf.exp(self.logarithms.value)
        self._learn(weights * tf.cast(losses, weights.dtype) - 1.0, present)
        return weights
