"""Impartial learning of the losses (Liu et al. 2021)."""

import tensorflow as tf

from tfmtl.balancing.learned import LearnedOptions, LearnedWeighting
from tfmtl.core.registry import BALANCING


@BALANCING.register("imtl_l", options=LearnedOptions)
class IMTLL(LearnedWeighting):
    r"""Each task's loss is scaled by a factor that is learned, such that all scaled losses become 1.

    The objective is :math:`\sum_i e^{s_i} L_i - s_i` (section 3.1); effective weights are :math:`e^{s}`, and s follows
    its derivative :math:`e^s L - 1` by Adam.

    Scales shared parameters and heads, by the convention of the sum. No further backward pass. Its state are s and
    Adam's moments, `[tasks]` each.

    Differs from the official code because s is clamped, and has an optimizer of its own.

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
