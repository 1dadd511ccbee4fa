"""Impartial learning of the losses (Liu et al. 2021)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.adam import Adam
from tfmtl.balancing.method import LossWeighting
from tfmtl.balancing.per_task import Finite, PerTask, check_per_task
from tfmtl.registry import BALANCING, Options


class IMTLLOptions(Options):
    """Options of IMTL-L.

    Attributes:
        initial: the logarithm of each task's weight at the beginning, one number or a list.
        learning_rate: of the logarithms.
        clamp: their bounds.
    """

    initial: PerTask = 0.0
    learning_rate: float = Field(0.01, gt=0.0)
    clamp: tuple[Finite, Finite] = (-5.0, 5.0)


@BALANCING.register("imtl_l", options=IMTLLOptions)
class IMTLL(LossWeighting):
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

    def check(self, tasks):
        check_per_task("initial", self.options.initial, tasks)

    def _make_state(self, count, size, dtype):
        initial = tf.broadcast_to(tf.constant(self.options.initial, dtype), [count])
        initial = tf.clip_by_value(initial, *self.options.clamp)
        self._logarithms = self._variable("log_weights", initial, dtype)
        self._adam = Adam(self._logarithms, self._variable, self.options.learning_rate)

    def _weights(self, losses, present):
        weights = tf.exp(self._logarithms.value)
        self._adam.step(weights * tf.cast(losses, weights.dtype) - 1.0, present)
        self._logarithms.assign(tf.clip_by_value(self._logarithms.value, *self.options.clamp))
        return weights
