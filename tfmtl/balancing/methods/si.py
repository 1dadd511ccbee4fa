"""Scale-invariant weighting: the sum of the logarithms of the losses (Lin et al. 2022)."""

import tensorflow as tf

from tfmtl.balancing.method import LossWeighting
from tfmtl.core.registry import BALANCING

_SMALLEST_LOSS = 1e-8


@BALANCING.register("si")
class SI(LossWeighting):
    r"""The sum of the logarithms of the losses, whose gradients do not depend on the units of the losses.

    The objective is :math:`\sum_i \log L_i`; effective weights are :math:`1 / L_i`.

    It scales shared parameters and heads, needs no additional backward pass, and has no state. A loss below 1e-8 counts
    as 1e-8; other code has no such bound, or adds a constant to every loss.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("si").weights(tf.constant([1.0, 4.0])).numpy().round(6).tolist()
    [1.0, 0.25]
    """

    def _weights(self, losses, present):
        return tf.cast(present, losses.dtype) / tf.maximum(losses, _SMALLEST_LOSS)
