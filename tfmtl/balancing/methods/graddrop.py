"""Gradient sign dropout (Chen et al. 2020)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GradientCombination
from tfmtl.core.registry import BALANCING, Options


class GradDropOptions(Options):
    """Options of GradDrop.

    Attributes:
        leak: the share of each gradient that is never dropped.
        seed: of the draws.
    """

    leak: float = Field(0.0, ge=0.0, le=1.0)
    seed: int = Field(0, ge=0, lt=2**31)


@BALANCING.register("graddrop", options=GradDropOptions)
class GradDrop(GradientCombination):
    r"""Of each number of the gradients, only those of one sign are summed; which sign is drawn by its share.

    With :math:`P = (1 + \sum_i g_i / \sum_i |g_i|) / 2` for each parameter and U uniform on [0, 1]: the positive parts
    where U < P, else the negative ones (Algorithm 1, with f the identity). A number that is zero for all stays zero.

    Scales the shared parameters only, by the convention of the sum. One backward pass a task. Its state is the count of
    draws. Not a function of inner products.

    Differs from the official code because signs are those of the parameters' gradients, where that takes the gradient
    by the shared representation times the representation's sign, summed over the batch.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> method = get("graddrop")
    >>> method.dropped(tf.constant([[1.0, 0.0], [-1.0, 1.0]]), tf.constant([0.4, 0.9])).numpy().tolist()
    [1.0, 1.0]
    """

    def _make_state(self, count, size, dtype):
        self._draws = self._variable("draws", 0, "int32")

    def combine(self, gradients, losses, present):
        seed = tf.stack([tf.constant(self.options.seed), self._draws.value])
        uniform = tf.random.stateless_uniform(tf.shape(gradients)[1:], seed=seed, dtype=gradients.dtype, alg="philox")
        self._draws.assign_add(1)
        return self.dropped(gradients, uniform), tf.ones_like(losses)

    def dropped(self, gradients: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
        """Returns the combined gradient `[size]` for draws `[size]` from [0, 1)."""
        total = tf.reduce_sum(gradients, axis=0)
        positive = 0.5 * (1.0 + tf.math.divide_no_nan(total, tf.reduce_sum(tf.abs(gradients), axis=0)))
        kept = tf.where(uniform < positive, gradients > 0, gradients < 0)
        chosen = tf.reduce_sum(tf.where(kept, gradients, tf.zeros_like(gradients)), axis=0)
        return self.options.leak * total + (1.0 - self.options.leak) * chosen
