"""Dynamic weight average (Liu, Johns and Davison 2019)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import LossWeighting
from tfmtl.core.registry import BALANCING, Options


class DWAOptions(Options):
    """How strongly weights differ between tasks.

    Attributes:
        temperature: the temperature of the softmax; a large value gives all tasks the weight 1.
    """

    temperature: float = Field(2.0, gt=0.0)


@BALANCING.register("dwa", options=DWAOptions)
class DWA(LossWeighting):
    r"""Tasks whose losses fall more slowly than those of the other tasks get larger weights.

    :math:`w_i = T \operatorname{softmax}_i(r / \tau)` with :math:`r_i = L_i(t-1) / L_i(t-2)`, the means of the last two
    epochs; 1 in the first two epochs (equation 7). If the method is used alone, each call counts as an epoch.

    It scales shared parameters and heads, with weights that sum to T, and needs no additional backward pass. Its state
    consists of the running sums of the current epoch and the means of the last two epochs, `[tasks]` each.

    It differs from implementations that compare windows of 25 steps, or that average the weighted losses. A task that
    had no row in one of the two epochs has the ratio 1.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> method = get("dwa")
    >>> for losses in ([2.0, 2.0], [1.0, 2.0], [1.0, 2.0]):
    ...     weights = method.weights(tf.constant(losses, tf.float64))
    >>> weights.numpy().round(6).tolist()
    [0.875647, 1.124353]
    """

    def _make_state(self, count, size, dtype):
        for name in ("_sums", "_counts", "_last", "_before"):
            setattr(self, name, self._variable(name.strip("_"), tf.zeros([count], dtype), dtype))
        self._steps = self._variable("steps", 0, "int32")

    def _weights(self, losses, present):
        self._begin_epoch()
        last, before = self._last.value, self._before.value
        known = (last > 0) & (before > 0)
        ratios = tf.where(known, tf.math.divide_no_nan(last, before), tf.ones_like(last))
        there = tf.cast(present, self._sums.dtype)
        self._sums.assign_add(tf.cast(losses, there.dtype) * there)
        self._counts.assign_add(there)
        self._steps.assign_add(1)
        return losses.shape[0] * tf.nn.softmax(ratios / self.options.temperature)

    def _begin_epoch(self) -> None:
        """Shifts the means by one epoch if the step is the first of an epoch."""
        is_first = (self._steps.value > 0) & (self._steps.value % self._updates_per_epoch == 0)
        means = tf.math.divide_no_nan(self._sums.value, self._counts.value)
        for variable, value in (
            (self._before, self._last.value),
            (self._last, means),
            (self._sums, tf.zeros_like(means)),
            (self._counts, tf.zeros_like(means)),
        ):
            variable.assign(tf.where(is_first, value, variable.value))
