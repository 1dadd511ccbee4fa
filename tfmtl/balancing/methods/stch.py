"""Smooth Tchebycheff scalarization (Lin et al. 2024)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import LossWeighting
from tfmtl.balancing.per_task import NonNegativePerTask, PerTask, check_per_task
from tfmtl.core.registry import BALANCING, Options

_SMALLEST_LOSS = 1e-8


class STCHOptions(Options):
    """Options of smooth Tchebycheff scalarization.

    Attributes:
        mu: the smoothing; towards 0 only the largest loss counts.
        preference: of each task, one number or a list; where absent 1/T, of the tasks that are present, and 1 with a
            warm-up.
        ideal: the loss of each task that cannot be beaten, one number or a list.
        warmup_epochs: where it is not 0, losses are compared in the form of the official multi-task code: by logarithms
            of what they are relative to their means over so many first epochs.
    """

    mu: float = Field(1.0, gt=0.0)
    preference: NonNegativePerTask | None = None
    ideal: PerTask = 0.0
    warmup_epochs: int = Field(0, ge=0)


@BALANCING.register("stch", options=STCHOptions)
class STCH(LossWeighting):
    r"""A smooth maximum of the losses: the task that is furthest from its ideal counts most.

    The objective is :math:`\mu \log \sum_i \exp(\lambda_i (L_i - z_i) / \mu)` (equation 8); effective weights are
    :math:`\lambda \operatorname{softmax}(\lambda (L - z) / \mu)`. An absent task takes no part.

    Losses of different units have no common maximum. With `warmup_epochs` the first epochs train
    :math:`\sum_i \log L_i`, and those after them :math:`T \mu \log \sum_i \exp(\lambda_i \log(L_i / n_i) / \mu)`
    with :math:`n_i` the mean of the first epochs' losses, as the official multi-task code does.

    Scales shared parameters and heads. No further backward pass. Its state, with a warm-up, are the sums and counts of
    its losses, `[tasks]`, and the count of steps.

    Differs from the official code in that the plain objective is the default, and a loss below 1e-8 counts as 1e-8
    under a logarithm.

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
        # A task without a row in the first epochs is compared with itself.
        nadir = tf.where(self._counts.value > 0, tf.math.divide_no_nan(self._sums.value, self._counts.value), losses)
        shares = losses.shape[0] * self._shares(tf.math.log(losses / nadir), present)
        return tf.where(warms_up, tf.cast(present, losses.dtype), shares) / losses

    def _shares(self, values, present):
        """Returns the derivative of the smooth maximum of `values` by each of them."""
        preference = self.options.preference
        if preference is None and self.options.warmup_epochs:
            preference = 1.0
        elif preference is None:
            preference = 1.0 / tf.maximum(tf.reduce_sum(tf.cast(present, values.dtype)), 1.0)
        preference = tf.broadcast_to(tf.convert_to_tensor(preference, values.dtype), values.shape)
        logits = preference * values / self.options.mu
        return preference * tf.nn.softmax(tf.where(present, logits, tf.fill(values.shape, values.dtype.min)))
