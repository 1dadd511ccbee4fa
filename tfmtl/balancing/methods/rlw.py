"""Random loss weighting (Lin et al. 2022)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import LossWeighting
from tfmtl.core.registry import BALANCING, Options


class RLWOptions(Options):
    """How weights are drawn.

    Attributes:
        seed: the seed of the random draws.
    """

    seed: int = Field(0, ge=0, lt=2**31)


@BALANCING.register("rlw", options=RLWOptions)
class RLW(LossWeighting):
    r"""Weights that are drawn at random in each step, as a baseline that other methods have to beat.

    :math:`w = \operatorname{softmax}(z)` with :math:`z \sim N(0, I)` (section 3). The weights sum to 1, so a step is
    about T times shorter than that of weights of one. An absent task has no share.

    It scales shared parameters and heads, and needs no additional backward pass. Its state is the number of draws, so
    that all replicas draw the same weights and a resumed training continues the sequence.

    It differs from the official code only in the random generator.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> round(float(tf.reduce_sum(get("rlw").weights(tf.constant([1.0, 4.0])))), 6)
    1.0
    """

    reads_losses = False

    def _make_state(self, count, size, dtype):
        self._draws = self._variable("draws", 0, "int32")

    def _weights(self, losses, present):
        seed = tf.stack([tf.constant(self.options.seed), self._draws.value])
        normals = tf.random.stateless_normal(losses.shape, seed=seed, dtype=losses.dtype, alg="philox")
        self._draws.assign_add(1)
        return tf.nn.softmax(tf.where(present, normals, tf.fill(losses.shape, losses.dtype.min)))
