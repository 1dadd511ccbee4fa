"""Conflict-averse gradient descent (Liu et al. 2021)."""

from typing import Literal

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.quadratic import minimise, minimum_norm_weights, unit_gram
from tfmtl.registry import BALANCING

_SMOOTH = 1e-18


class CAGradOptions(GramOptions):
    """Options of CAGrad.

    Attributes:
        c: how far the update may be from the mean gradient, in lengths of it.
        rescale: `none`, as in the paper; `square` divides by 1 + c^2, as the official code does, `linear` by 1 + c.
    """

    c: float = Field(0.5, ge=0.0, le=10.0)
    rescale: Literal["none", "square", "linear"] = "none"


@BALANCING.register("cagrad", options=CAGradOptions)
class CAGrad(GramCombination):
    r"""The direction near the mean gradient that helps the least-helped task most.

    :math:`d = g_0 + c |g_0| / |g_w| \, g_w` with the mean :math:`g_0` and :math:`g_w = \sum_i w_i g_i`,
    :math:`w = \arg\min_{w \ge 0, \sum w = 1} g_w \cdot g_0 + c |g_0| |g_w|` (equation 4 and Algorithm 1).

    Scales the shared parameters only, by the convention of the mean. One backward pass a task. It has no state.

    Differs from the official code because that divides by 1 + c^2 and multiplies by T; `rescale` has the former. The
    problem is solved for rows of unit norm, so short gradients count. Where :math:`g_w` is zero it has no direction,
    and the update is the shortest of all that are allowed, :math:`\max(0, 1 - c) g_0`; other code gives zero there.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("cagrad", c=0.5).aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(5).tolist()
    [0.25, 0.5]
    """

    def task_weights(self, gram, losses, present):
        cosines, norms = unit_gram(gram)
        usable = present & (norms > 0)
        mean = tf.cast(present, gram.dtype) / tf.maximum(tf.reduce_sum(tf.cast(present, gram.dtype)), 1.0)
        with_mean = tf.linalg.matvec(gram, mean)
        length = tf.sqrt(tf.maximum(tf.tensordot(mean, with_mean, 1), 0.0))
        # A mean that is zero but for rounding has no direction.
        length = tf.where(length > 1e-7 * tf.reduce_max(norms), length, tf.zeros_like(length))
        toward_mean = tf.clip_by_value(tf.math.divide_no_nan(with_mean, norms * length), -1.0, 1.0)
        shares = _shares(cosines, norms, usable, toward_mean, self.options.c)
        combined = tf.sqrt(tf.maximum(tf.tensordot(shares, tf.linalg.matvec(cosines, shares), 1), 0.0))
        # A combination that is zero but for rounding has no direction; the shortest vector of the ball stands for it.
        # So it does with c = 1 and gradients whose hull holds zero, where the problem has many solutions.
        has_direction = combined > 1e-7 * tf.reduce_sum(shares)
        if self.options.c >= 1.0:
            has_direction &= _is_apart_from_zero(cosines, norms, present)
        turned = mean + tf.math.divide_no_nan(self.options.c * length * shares, combined * norms)
        weights = tf.where(has_direction, turned, max(0.0, 1.0 - self.options.c) * mean)
        divisor = {"none": 1.0, "square": 1.0 + self.options.c**2, "linear": 1.0 + self.options.c}
        return weights / divisor[self.options.rescale]


@tf.function(autograph=False)
def _shares(cosines: tf.Tensor, norms: tf.Tensor, usable: tf.Tensor, with_mean: tf.Tensor, c: float) -> tf.Tensor:
    """Returns `w_i |g_i|`, up to a common factor; `with_mean` are the cosines of gradients and mean."""
    shortest = tf.reduce_min(tf.where(usable, norms, tf.fill(tf.shape(norms), norms.dtype.max)))
    normal = tf.where(usable, tf.math.divide_no_nan(shortest, norms), tf.zeros_like(norms))
    normal = tf.where(tf.reduce_any(usable), normal, tf.ones_like(norms))

    def derivatives(x):
        inner = tf.linalg.matvec(cosines, x)
        root = tf.sqrt(tf.maximum(tf.tensordot(x, inner, 1), 0.0) + _SMOOTH)
        hessian = c * (cosines - inner[:, None] * inner[None, :] / root**2) / root
        return with_mean + c * inner / root, hessian

    return minimise(derivatives, tf.zeros_like(norms), normal)


def _is_apart_from_zero(cosines: tf.Tensor, norms: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """Whether the hull of the unit gradients is further from zero than rounding."""
    shares = minimum_norm_weights(cosines, present & (norms > 0))
    return tf.tensordot(shares, tf.linalg.matvec(cosines, shares), 1) > 1e-14
