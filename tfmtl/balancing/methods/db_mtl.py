"""Dual balancing (Lin et al. 2023)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GradientCombination
from tfmtl.core.registry import BALANCING, Options

_SMALLEST_LOSS = 1e-8


class DBMTLOptions(Options):
    """Options of DB-MTL.

    Attributes:
        beta: the share of the average that a step keeps.
        sigma: beta is divided by the number of the step to this power; 0 leaves it.
    """

    beta: float = Field(0.9, ge=0.0, lt=1.0)
    sigma: float = Field(0.0, ge=0.0)


@BALANCING.register("db_mtl", options=DBMTLOptions)
class DBMTL(GradientCombination):
    r"""Gradients of the logarithms of the losses, averaged over steps, all made as long as the longest, then summed.

    :math:`\hat g_i \leftarrow \beta \hat g_i + (1 - \beta) \nabla \log L_i`,
    :math:`d = \max_j |\hat g_j| \sum_i \hat g_i / |\hat g_i|` (Algorithm 1).

    Scales the shared parameters only, by the convention of the sum. One backward pass a task, and T times the shared
    parameters of memory. Its state are the averages `[tasks, size]` and each task's count of steps.

    Differs from the official code because the first average is the first gradient, where that begins with zero (which
    changes lengths, and not directions); the average of an absent task stays as it is, and the task takes no part in
    the step. A loss below 1e-8 counts as 1e-8.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("db_mtl").aggregate(tf.constant([[1.0, 0.0], [0.0, 2.0]], tf.float64)).numpy().round(6).tolist()
    [2.0, 2.0]
    """

    def _make_state(self, count, size, dtype):
        self._averages = self._variable("averages", tf.zeros([count, size], dtype), dtype)
        self._steps = self._variable("steps", tf.zeros([count], tf.int32), "int32")

    def combine(self, gradients, losses, present):
        steps = self._steps.value + tf.cast(present, tf.int32)
        beta = self.options.beta / tf.cast(tf.maximum(steps, 1), gradients.dtype) ** self.options.sigma
        kept = tf.where(self._steps.value == 0, tf.zeros_like(beta), beta)
        kept = tf.where(present, kept, tf.ones_like(kept))
        # Few passes over `[tasks, size]`, which take longer than all the rest.
        of_gradients = (1.0 - kept) / tf.maximum(losses, _SMALLEST_LOSS)
        averages = kept[:, None] * self._averages.value + of_gradients[:, None] * gradients
        self._averages.assign(averages)
        self._steps.assign(steps)
        largest = tf.reduce_max(tf.abs(averages), axis=1)
        usable = present & (largest > 0)
        # Scaled before it is squared: the square of a short gradient would underflow in float32.
        scale = tf.where(usable, largest, tf.ones_like(largest))
        lengths = tf.where(usable, scale * tf.norm(averages / scale[:, None], axis=1), tf.zeros_like(largest))
        shares = tf.math.divide_no_nan(tf.reduce_max(lengths), lengths)
        return tf.linalg.matvec(averages, shares, transpose_a=True), tf.ones_like(losses)
