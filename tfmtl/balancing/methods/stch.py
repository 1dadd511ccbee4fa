"""Smooth Tchebycheff scalarization (Lin et al. 2024)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import LossWeighting
from tfmtl.balancing.per_task import NonNegativePerTask, PerTask, check_per_task
from tfmtl.core.registry import BALANCING, Options

_SMALLEST_LOSS = 1e-8


class STCHOptions(Options):
    """How losses are compared and smoothed.

    Attributes:
        mu: the smoothing; if it approaches 0, only the largest loss counts.
        preference: the preference for each task; one number, or a list with one per task; if absent, 1/T for the T
            tasks that are present, or 1 with a warm-up.
        ideal: the best possible loss of each task; one number, or a list with one per task.
        warmup_epochs: the number of first epochs over which mean losses are taken; if it is not 0, losses are compared
            as in the official multi-task code, by the logarithms of their ratios to these means.
    """

    mu: float = Field(1.0, gt=0.0)
    preference: NonNegativePerTask | None = None
    ideal: PerTask = 0.0
    warmup_epochs: int = Field(0, ge=0)


@BALANCING.register("stch", options=STCHOptions)
class STCH(LossWeighting):
    r"""A smooth maximum of the losses, in which the task furthest from its ideal counts most.

    The objective is :math:`\mu \log \sum_i \exp(\lambda_i (L_i - z_i) / \mu)` (equation 8); effective weights are
    :math:`\lambda \operatorname{softmax}(\lambda (L - z) / \mu)`. An absent task is ignored.

    The maximum of losses in different units is not meaningful. With `warmup_epochs`, the first epochs therefore train
    :math:`\sum_i \log L_i`, and later ones :math:`T \mu \log \sum_i \exp(\lambda_i \log(L_i / n_i) / \mu)` with
    :math:`n_i` the mean loss of the first epochs, as in the official multi-task code.

    It scales shared parameters and heads, and needs no additional backward pass. With a warm-up, its state consists of
    the sums and counts of the warm-up losses, `[tasks]` each, and the number of steps.

    It differs from the official code in that the plain objective is the default, and in that a loss below 1e-8 counts
    as 1e-8 in a logarithm.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("stch").weights(tf.constant([1.0, 2.0], tf.float64)).numpy().round(6).tolist()
    [0.18877, 0.31123]
    """

    def check(self, tasks):
        check_per_task("preference", self.options.preference, tasks)
        check_per_task("ideal", self.options.ideal, tasks)

    def _make_state(self, count, size, dtype):
        if self.options.warmup_epochs:
            self._sums = self._variable("sums", tf.zeros([count], dtype), dtype)
            self._counts = self._variable("counts", tf.zeros([count], dtype), dtype)
            self._steps = self._variable("steps", 0, "int32")

    def _weights(self, losses, present):
        if not self.options.warmup_epochs:
            return self._shares(losses - tf.constant(self.options.ideal, losses.dtype), present)
        losses = tf.maximum(losses, _SMALLEST_LOSS)
        warms_up = self._steps.value < self.options.warmup_epochs * self._updates_per_epoch
        seen = tf.cast(present & warms_up, losses.dtype)
        self._sums.assign_add(seen * losses)
        self._counts.assign_add(seen)
        self._steps.assign_add(1)
        # A task that had no row in the first epochs is compared with its current loss.
        nadir = tf.where(self._counts.value > 0, tf.math.divide_no_nan(self._sums.value, self._counts.value), losses)
        shares = losses.shape[0] * self._shares(tf.math.log(losses / nadir), present)
        return tf.where(warms_up, tf.cast(present, losses.dtype), shares) / losses

    def _shares(self, values, present):
        """Returns the derivative of the smooth maximum of `values` with respect to each of them."""
        preference = self.options.preference
        if preference is None and self.options.warmup_epochs:
            preference = 1.0
        elif preference is None:
            preference = 1.0 / tf.maximum(tf.reduce_sum(tf.cast(present, values.dtype)), 1.0)
        preference = tf.broadcast_to(tf.convert_to_tensor(preference, values.dtype), values.shape)
        logits = preference * values / self.options.mu
        return preference * tf.nn.softmax(tf.where(present, logits, tf.fill(values.shape, values.dtype.min)))
