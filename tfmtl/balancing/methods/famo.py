"""Fast adaptive multitask optimization (Liu et al. 2023)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import LossWeighting
from tfmtl.balancing.per_task import PerTask, check_per_task
from tfmtl.balancing.solvers.adam import Adam
from tfmtl.core.registry import BALANCING, Options

_SMALLEST_LOSS = 1e-8


class FAMOOptions(Options):
    """How the logits of the weights are learned.

    Attributes:
        learning_rate: the learning rate of the logits.
        weight_decay: the weight decay, which is added to the gradient of the logits, as in the official code.
        lower_bound: the lower bound of each task's loss, which is subtracted from it; one number, or a list with one
            per task.
    """

    learning_rate: float = Field(0.025, gt=0.0)
    weight_decay: float = Field(1e-3, ge=0.0)
    lower_bound: PerTask = 0.0


@BALANCING.register("famo", options=FAMOOptions)
class FAMO(LossWeighting):
    r"""Weights that make all losses fall at the same rate, learned from the change of the losses over each step.

    :math:`w_i = c z_i / (L_i - b_i)` with :math:`z = \operatorname{softmax}(\xi)` and
    :math:`c = (\sum_i z_i / (L_i - b_i))^{-1}`; after the step, on the same batch, :math:`\xi` follows the gradient
    :math:`J_z^\top (\log L^{\text{before}} - \log L^{\text{after}})` by Adam (Algorithm 1).

    It scales shared parameters and heads, with effective weights that sum to 1. It needs no additional backward pass,
    but two forward passes: the losses before and after the step are both measured without dropout, because with dropout
    their difference would mostly be that of the masks. Its state consists of the logits and the moments of Adam,
    `[tasks]` each.

    It differs from the official code in the losses before the step, which there are the training losses, with dropout.
    A loss less than 1e-8 above its bound counts as 1e-8 above it. The state of an absent task does not change.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("famo").weights(tf.constant([1.0, 4.0], tf.float64)).numpy().round(6).tolist()
    [0.8, 0.2]
    """

    reads_losses_after = True

    def check(self, tasks):
        check_per_task("lower_bound", self.options.lower_bound, tasks)

    def _make_state(self, count, size, dtype):
        self._logits = self._variable("logits", tf.zeros([count], dtype), dtype)
        self._adam = Adam(self._logits, self._variable, self.options.learning_rate)

    def _weights(self, losses, present):
        shares = self._shares(tf.cast(losses, self._logits.dtype), present)
        return shares / tf.maximum(tf.reduce_sum(shares), tf.constant(1e-30, shares.dtype))

    def observe(self, before, after, present=None):
        self.build(before.shape[0], dtype=before.dtype.name)
        dtype = self._logits.dtype
        present = tf.ones(before.shape, tf.bool) if present is None else present
        present &= tf.reduce_all(tf.math.is_finite(before) & tf.math.is_finite(after) | ~present)
        falls = tf.math.log(self._above_bound(tf.cast(before, dtype))) - tf.math.log(
            self._above_bound(tf.cast(after, dtype))
        )
        shares = self._softmax(present)
        falls = tf.where(present, falls, tf.zeros_like(falls))
        gradient = shares * (falls - tf.reduce_sum(shares * falls))
        self._adam.step(gradient + self.options.weight_decay * self._logits.value, present)

    def _shares(self, losses: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        # Relative to the smallest distance, so that neither the shares nor their sum can overflow.
        distance = self._above_bound(losses)
        smallest = tf.reduce_min(tf.where(present, distance, tf.fill(losses.shape, losses.dtype.max)))
        return tf.where(present, self._softmax(present) * smallest / distance, tf.zeros_like(losses))

    def _softmax(self, present: tf.Tensor) -> tf.Tensor:
        logits = self._logits.value
        return tf.nn.softmax(tf.where(present, logits, tf.fill(logits.shape, logits.dtype.min)))

    def _above_bound(self, losses: tf.Tensor) -> tf.Tensor:
        return tf.maximum(losses - tf.constant(self.options.lower_bound, losses.dtype), _SMALLEST_LOSS)
