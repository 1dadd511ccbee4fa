"""Dual balancing (Lin et al. 2023)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GradientCombination
from tfmtl.core.registry import BALANCING, Options

_SMALLEST_LOSS = 1e-8


class DBMTLOptions(Options):
    """How the gradients are averaged over steps.

    Attributes:
        beta: the share of the average that a step keeps.
        sigma: the power of the step's number by which beta is divided; 0 keeps beta constant.
    """

    beta: float = Field(0.9, ge=0.0, lt=1.0)
    sigma: float = Field(0.0, ge=0.0)


@BALANCING.register("db_mtl", options=DBMTLOptions)
class DBMTL(GradientCombination):
    r"""Gradients of the log losses, averaged over steps, scaled to the length of the longest one, and summed.

    :math:`\hat g_i \leftarrow \beta \hat g_i + (1 - \beta) \nabla \log L_i`,
    :math:`d = \max_j |\hat g_j| \sum_i \hat g_i / |\hat g_i|` (Algorithm 1).

    It scales the shared parameters only, on the scale of the sum of the gradients. It needs one backward pass per task
    and memory for T times the shared parameters. Its state consists of the averages `[tasks, size]` and the number of
    steps of each task.

    It differs from the official code in that the first average is the first gradient; the official code starts from
    zero, which changes lengths but not directions. The average of an absent task does not change, and the task is
    ignored in the step. A loss below 1e-8 counts as 1e-8.

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
        # Passes over `[tasks, size]` are kept few, because they take longer than everything else.
        of_gradients = (1.0 - kept) / tf.maximum(losses, _SMALLEST_LOSS)
        averages = kept[:, None] * self._averages.value + of_gradients[:, None] * gradients
        self._averages.assign(averages)
        self._steps.assign(steps)
        largest = tf.reduce_max(tf.abs(averages), axis=1)
        usable = present & (largest > 0)
        # Scaled before squaring, because the square of a short gradient would underflow in float32.
        scale = tf.where(usable, largest, tf.ones_like(largest))
        lengths = tf.where(usable, scale * tf.norm(averages / scale[:, None], axis=1), tf.zeros_like(largest))
        shares = tf.math.divide_no_nan(tf.reduce_max(lengths), lengths)
        return tf.linalg.matvec(averages, shares, transpose_a=True), tf.ones_like(losses)
