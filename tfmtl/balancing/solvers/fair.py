"""The equation behind Nash-MTL and FairGrad: the gain of each task is a power of its weight."""

import tensorflow as tf

from tfmtl.balancing.solvers.quadratic import unit_gram

_ITERATIONS = 100
_STEPS = tuple(0.5**power for power in range(25))
_RIDGE = 1e-13


@tf.function(autograph=False)
def fair_weights(gram: tf.Tensor, alpha: float) -> tf.Tensor:
    r"""Returns the positive weights with :math:`(G w)_i = w_i^{-1/\alpha}`; 0 for a zero gradient.

    They minimise the convex function :math:`\frac{1}{2} w^\top G w - \sum_i \phi(w_i)` with
    :math:`\phi'(w) = w^{-1/\alpha}`. The minimum is found by Newton's method in relative steps, each shortened until
    the objective falls. For rows of unit norm, with :math:`x_i = |g_i| w_i`, the equation is
    :math:`(C x)_i = k_i x_i^{-1/\alpha}` with :math:`k_i = |g_i|^{1/\alpha - 1}`. If some convex combination of the
    gradients is zero, no finite solution exists. Adding 1e-13 to the diagonal then bounds the weights, and their
    combination is close to zero.

    Args:
        gram: the inner products, float64 `[tasks, tasks]`.
        alpha: the inverse of the exponent, positive.
    """
    cosines, norms = unit_gram(gram)
    cosines = tf.linalg.set_diag(cosines, tf.linalg.diag_part(cosines) + _RIDGE)
    power = 1.0 / alpha
    scale = tf.where(norms > 0, norms, tf.ones_like(norms)) ** (power - 1.0)

    def objective(x):
        """Returns the values `[candidates]` for candidates `x`, `[candidates, tasks]`."""
        gain = tf.math.log(x) if alpha == 1.0 else x ** (1.0 - power) / (1.0 - power)
        return 0.5 * tf.reduce_sum(tf.matmul(x, cosines) * x, axis=1) - tf.reduce_sum(scale * gain, axis=1)

    def step(x, unfinished):
        gains = scale * x ** (1.0 - power)
        slope = x * tf.linalg.matvec(cosines, x) - gains
        curvature = x[:, None] * cosines * x[None, :] + tf.linalg.diag(power * gains)
        # Scaled to a unit diagonal, which a Cholesky factor needs if weights differ by many orders of magnitude.
        root = tf.sqrt(tf.linalg.diag_part(curvature))
        factor = tf.linalg.cholesky(curvature / root[:, None] / root[None, :])
        direction = -tf.linalg.cholesky_solve(factor, (slope / root)[:, None])[:, 0] / root
        descent = tf.reduce_sum(slope * direction)
        longest = tf.minimum(tf.ones([], x.dtype), 0.9 / tf.maximum(tf.reduce_max(-direction), 1e-300))
        steps = longest * tf.constant(_STEPS, x.dtype)
        candidates = x[None] * (1.0 + steps[:, None] * direction[None])
        values, here = objective(candidates), objective(x[None])[0]
        falls = values <= here + 1e-4 * steps * descent
        chosen = tf.argmax(tf.cast(falls, tf.int32))
        moved = candidates[chosen]
        # Near the minimum, rounding hides the fall of the objective, and one more full step does no harm.
        is_flat = -descent < 1e-12 * tf.reduce_sum(gains)
        moved = tf.where(is_flat, candidates[0], tf.where(tf.reduce_any(falls), moved, x))
        return moved, (-descent > 1e-24 * tf.reduce_sum(gains)) & (tf.reduce_any(falls) | is_flat)

    start = scale ** (1.0 / (1.0 + power))
    x, _ = tf.while_loop(lambda x, unfinished: unfinished, step, (start, True), maximum_iterations=_ITERATIONS)
    return tf.math.divide_no_nan(x, norms)
