"""Conflict-averse gradient descent (Liu et al. 2021)."""

from typing import Literal

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.quadratic import (
    dual_cone_weights,
    minimise,
    minimum_norm_weights,
    minimum_on_plane,
    unit_gram,
)
from tfmtl.core.registry import BALANCING

_SMOOTH = 1e-18
_TOLERANCE = 1e-9
_SHORTEST = 1e-9
_BISECTIONS = 80


class CAGradOptions(GramOptions):
    """How far the update may be from the mean gradient, and how it is rescaled.

    Attributes:
        c: the maximum distance between the update and the mean gradient, in units of the length of the mean gradient.
        rescale: the divisor of the update: 1 with `none`, as in the paper; 1 + c^2 with `square`, as in the official
            code; 1 + c with `linear`.
    """

    c: float = Field(0.5, ge=0.0, le=10.0)
    rescale: Literal["none", "square", "linear"] = "none"


@BALANCING.register("cagrad", options=CAGradOptions)
class CAGrad(GramCombination):
    r"""The direction near the mean gradient that helps the least-helped task most.

    :math:`d = g_0 + c |g_0| / |g_w| \, g_w` with the mean :math:`g_0` and :math:`g_w = \sum_i w_i g_i`,
    :math:`w = \arg\min_{w \ge 0, \sum w = 1} g_w \cdot g_0 + c |g_0| |g_w|` (equation 4 and Algorithm 1).

    It scales the shared parameters only, on the scale of the mean gradient, needs one backward pass per task, and has
    no state.

    It differs from the official code, which divides by 1 + c^2 (see `rescale`) and multiplies by T. The problem is
    solved for rows of unit norm, so that short gradients count; a zero gradient is not part of :math:`w`. If
    :math:`g_w` is zero, it has no direction, and no task can be helped without hurting another. With c < 1 the update
    is then the vector nearest to the mean that hurts no task; otherwise it is zero, as in other code.

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
        # A mean that is zero up to rounding has no direction.
        length = tf.where(length > 1e-7 * tf.reduce_max(norms), length, tf.zeros_like(length))
        toward_mean = tf.clip_by_value(tf.math.divide_no_nan(with_mean, norms * length), -1.0, 1.0)
        shares = _shares(cosines, norms, usable, toward_mean, self.options.c)
        combined = tf.sqrt(tf.maximum(tf.tensordot(shares, tf.linalg.matvec(cosines, shares), 1), 0.0))
        # A combination that is zero up to rounding has no direction. The same applies if c = 1 and the hull of the
        # gradients contains zero, where the problem has many solutions.
        has_direction = combined > 1e-7 * tf.reduce_sum(shares)
        if self.options.c >= 1.0:
            has_direction &= _is_apart_from_zero(cosines, norms, present)
        turned = mean + tf.math.divide_no_nan(self.options.c * length * shares, combined * norms)
        weights = tf.cond(has_direction, lambda: turned, lambda: self._without_direction(cosines, norms, mean))
        divisor = {"none": 1.0, "square": 1.0 + self.options.c**2, "linear": 1.0 + self.options.c}
        return weights / divisor[self.options.rescale]

    def _without_direction(self, cosines, norms, mean):
        """Returns the weights of the vector nearest to the mean that hurts no task, or zeros if c >= 1."""
        if self.options.c >= 1.0:
            return tf.zeros_like(mean)
        return tf.math.divide_no_nan(dual_cone_weights(cosines, mean * norms), norms)


@tf.function(autograph=False)
def _shares(cosines: tf.Tensor, norms: tf.Tensor, usable: tf.Tensor, with_mean: tf.Tensor, c: float) -> tf.Tensor:
    """Returns `w_i |g_i|`, up to a common factor; `with_mean` are the cosines of the gradients with the mean."""
    shortest = tf.reduce_min(tf.where(usable, norms, tf.fill(tf.shape(norms), norms.dtype.max)))
    normal = tf.where(usable, tf.math.divide_no_nan(shortest, norms), tf.zeros_like(norms))
    normal = tf.where(tf.reduce_any(usable), normal, tf.ones_like(norms))

    def derivatives(x):
        inner = tf.linalg.matvec(cosines, x)
        root = tf.sqrt(tf.maximum(tf.tensordot(x, inner, 1), 0.0) + _SMOOTH)
        hessian = c * (cosines - inner[:, None] * inner[None, :] / root**2) / root
        return with_mean + c * inner / root, hessian

    def is_solution(x):
        """Returns whether the least-helped task is helped as much as the dual objective allows."""
        slope, _ = derivatives(x)
        helped = tf.where(usable, tf.math.divide_no_nan(slope, normal), tf.fill(tf.shape(norms), norms.dtype.max))
        gap = tf.tensordot(slope, x, 1) - tf.reduce_min(helped)
        on_plane = tf.abs(tf.tensordot(normal, x, 1) - 1.0) < _TOLERANCE
        return on_plane & (gap < _TOLERANCE * (1.0 + c) * tf.reduce_sum(x))

    shares = minimise(derivatives, tf.zeros_like(norms), normal)
    # The norm is not quadratic, and Newton's method may stall if gradients conflict strongly.
    return tf.cond(is_solution(shares), lambda: shares, lambda: _shares_by_length(cosines, with_mean, normal, c))


def _shares_by_length(cosines: tf.Tensor, with_mean: tf.Tensor, normal: tf.Tensor, c: float) -> tf.Tensor:
    """Returns the same by bisection over the length t of the combination; each step solves a quadratic problem.

    Because `|a| = min_t (|a|^2 / t + t) / 2`, the x for a given t minimises `with_mean' x + c x' C x / (2 t)`, and t is
    correct if it equals the length of the combination for this x. The objective is convex in t.
    """

    def at(logarithm):
        length = tf.exp(logarithm)
        x = minimum_on_plane(c * cosines, length * with_mean, normal)
        return x, tf.sqrt(tf.maximum(tf.tensordot(x, tf.linalg.matvec(cosines, x), 1), 0.0)) > length

    def halved(low, high):
        middle = 0.5 * (low + high)
        is_longer = at(middle)[1]
        return tf.where(is_longer, middle, low), tf.where(is_longer, high, middle)

    longest = tf.math.log(1.0 / tf.reduce_min(tf.where(normal > 0, normal, tf.ones_like(normal))))
    bounds = (tf.math.log(tf.constant(_SHORTEST, normal.dtype)), longest)
    low, high = tf.while_loop(lambda low, high: high - low > 1e-13, halved, bounds, maximum_iterations=_BISECTIONS)
    return at(0.5 * (low + high))[0]


def _is_apart_from_zero(cosines: tf.Tensor, norms: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """Returns whether the distance of the hull of the unit gradients from zero exceeds rounding errors."""
    shares = minimum_norm_weights(cosines, present & (norms > 0))
    return tf.tensordot(shares, tf.linalg.matvec(cosines, shares), 1) > 1e-14
