"""Gradient sign dropout (Chen et al. 2020)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GradientCombination
from tfmtl.core.registry import BALANCING, Options


class GradDropOptions(Options):
    """How much of a gradient is kept, and how signs are drawn.

    Attributes:
        leak: the share of each gradient that is never dropped.
        seed: the seed of the random draws.
    """

    leak: float = Field(0.0, ge=0.0, le=1.0)
    seed: int = Field(0, ge=0, lt=2**31)


@BALANCING.register("graddrop", options=GradDropOptions)
class GradDrop(GradientCombination):
    r"""For each parameter, only the gradients of one sign are summed; the sign is drawn in proportion to its share.

    With :math:`P = (1 + \sum_i g_i / \sum_i |g_i|) / 2` for each parameter and U uniform on [0, 1], the positive parts
    are kept if U < P, and the negative parts otherwise (Algorithm 1, with f the identity). A component that is zero for
    all tasks stays zero.

    It scales the shared parameters only, on the scale of the sum of the gradients, and needs one backward pass per
    task. Its state is the number of draws. It is not a function of inner products.

    It differs from the official code in that signs are those of the gradients with respect to the parameters. The
    official code multiplies the gradient with respect to the shared representation by the sign of the representation
    and sums over the batch.

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
        """Returns the combined gradient `[size]` for draws `uniform`, `[size]`, from [0, 1)."""
        total = tf.reduce_sum(gradients, axis=0)
        positive = 0.5 * (1.0 + tf.math.divide_no_nan(total, tf.reduce_sum(tf.abs(gradients), axis=0)))
        kept = tf.where(uniform < positive, gradients > 0, gradients < 0)
        chosen = tf.reduce_sum(tf.where(kept, gradients, tf.zeros_like(gradients)), axis=0)
        return self.options.leak * total + (1.0 - self.options.leak) * chosen
