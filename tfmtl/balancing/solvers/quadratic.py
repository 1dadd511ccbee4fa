"""The small convex problems behind several methods, solved by graph code in float64 with one variable per task.

Rows are scaled to unit norm first, because the directions of the solutions do not depend on the lengths of the rows.
Problems with gradients of norms 1e-6 and 1e6 are then as well conditioned as those with gradients of similar size.
Solvers are traced once for each number of tasks; an iteration outside a graph would cost a hundred times as much.
"""

from collections.abc import Callable

import tensorflow as tf

_ITERATIONS = 60
_GAP = 1e-16
_RIDGE = 1e-14

Derivatives = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""A function from `x` to the gradient `[tasks]` and the Hessian `[tasks, tasks]` of a convex objective."""


def unit_gram(gram: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the cosines `[tasks, tasks]` and the norms `[tasks]` of gradients with the inner products `gram`.

    A zero gradient has the cosine 1 with itself and 0 with every other gradient, so that no solver sees a zero row.
    """
    norms = tf.sqrt(tf.linalg.diag_part(gram))
    safe = tf.where(norms > 0, norms, tf.ones_like(norms))
    cosines = gram / safe[:, None] / safe[None, :]
    return tf.linalg.set_diag(cosines, tf.ones_like(norms)), norms


def pseudo_inverse_of_ones(gram: tf.Tensor, precision: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns `C^+ 1` for the cosines C of the gradients, and the norms; the entries of zero gradients are 0.

    Directions count as dependent if their eigenvalue of C, relative to the largest, is below 1e-10 or below a hundred
    times `precision`.

    Args:
        gram: the inner products, float64 `[tasks, tasks]`.
        precision: the relative rounding error of the inner products.
    """
    cosines, norms = unit_gram(gram)
    usable = tf.cast(norms > 0, gram.dtype)
    values, vectors = tf.linalg.eigh(cosines * usable[:, None] * usable[None, :])
    inverse = tf.where(
        values > max(1e-10, 100 * precision) * values[-1], tf.math.divide_no_nan(tf.ones_like(values), values), 0.0
    )
    return tf.linalg.matvec(vectors, inverse * tf.linalg.matvec(vectors, usable, transpose_a=True)), norms


@tf.function(autograph=False)
def minimum_norm_weights(gram: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """Returns the simplex weights of the shortest vector in the convex hull of gradients.

    Args:
        gram: the inner products, float64 `[tasks, tasks]`.
        present: whether each task is present, bool `[tasks]`; an absent task has weight 0.

    Returns:
        The weights, float64 `[tasks]`. Zero gradients that are present have all the weight, because the hull then
        contains zero.
    """
    cosines, norms = unit_gram(gram)
    usable = present & (norms > 0)
    zeros = tf.cast(present & (norms == 0), gram.dtype)
    # In units of the shortest gradient: w_i = x_i * shortest / norm_i, so the sum of the weights is normal'x.
    shortest = tf.reduce_min(tf.where(usable, norms, tf.fill(tf.shape(norms), norms.dtype.max)))
    normal = tf.where(usable, shortest / tf.where(usable, norms, tf.ones_like(norms)), tf.zeros_like(norms))
    normal = tf.where(tf.reduce_any(usable), normal, tf.ones_like(norms))
    weights = normal * minimum_on_plane(cosines, tf.zeros_like(norms), normal)
    has_zero = tf.reduce_any(zeros > 0)
    return tf.where(has_zero, zeros, weights) / tf.reduce_sum(tf.where(has_zero, zeros, weights))


@tf.function(autograph=False)
def minimum_on_plane(hessian: tf.Tensor, slope: tf.Tensor, normal: tf.Tensor) -> tf.Tensor:
    """Returns the `x >= 0` with `normal' x = 1` that minimises `x' hessian x / 2 + slope' x`, float64 `[tasks]`.

    Args:
        hessian: the positive semidefinite matrix of the objective, float64 `[tasks, tasks]`.
        slope: the linear term of the objective, float64 `[tasks]`.
        normal: the non-negative normal of the plane, float64 `[tasks]`.
    """
    return minimise(lambda x: (tf.linalg.matvec(hessian, x) + slope, hessian), tf.zeros_like(slope), normal)


@tf.function(autograph=False)
def dual_cone_weights(cosines: tf.Tensor, lower: tf.Tensor) -> tf.Tensor:
    """Returns the `x >= lower` that minimises `x' C x`, float64 `[tasks]`.

    Then `sum x_i u_i` is the vector closest to `sum lower_i u_i` among those that have a non-negative inner product
    with every unit row `u_i`.

    Args:
        cosines: the cosines C of the rows, float64 `[tasks, tasks]`.
        lower: the lower bounds, float64 `[tasks]`.
    """
    return minimise(lambda x: (tf.linalg.matvec(cosines, x), cosines), lower, None)


def minimise(derivatives: Derivatives, lower: tf.Tensor, normal: tf.Tensor | None) -> tf.Tensor:
    """Minimises a convex objective subject to `x >= lower` and, if there is a normal, `normal' x = 1`.

    This is a primal-dual interior-point method (Nocedal & Wright 2006, section 16.6) with a fixed centring of 0.1. A
    step that would leave the interior is shortened to 0.99 of the way. The problem should be of order one.

    Args:
        derivatives: the derivatives of the objective.
        lower: the lower bounds, float64 `[tasks]`.
        normal: the non-negative normal of the constraint, float64 `[tasks]`; `None` for no such constraint.
    """
    count = lower.shape[0]
    one = tf.ones([], lower.dtype)
    row = tf.zeros_like(lower) if normal is None else normal
    # Without the equality constraint, a one on the diagonal fixes its multiplier at zero.
    corner = one if normal is None else tf.zeros([], lower.dtype)

    def gap(slack, z):
        return tf.tensordot(slack, z, 1) / count

    def unfinished(slack, z, multiplier):
        missing = (one - corner) * tf.abs(tf.tensordot(row, lower + slack, 1) - one)
        return (gap(slack, z) > _GAP) | (missing > 1e-9)

    def step(slack, z, multiplier):
        # The slack is kept instead of x: near an active bound it is far smaller than the rounding error of x.
        x, target = lower + slack, 0.1 * gap(slack, z)
        gradient, hessian = derivatives(x)
        block = hessian + tf.linalg.diag(z / slack + _RIDGE * (one + tf.reduce_max(tf.abs(hessian))))
        matrix = tf.concat([tf.concat([block, row[:, None]], 1), tf.concat([row, corner[None]], 0)[None]], 0)
        missing = (one - corner) * (one - tf.tensordot(row, x, 1))
        residual = tf.concat([target / slack - gradient - row * multiplier, missing[None]], 0)
        solution = tf.linalg.solve(matrix, residual[:, None])[:, 0]
        change, change_of_multiplier = solution[:-1], solution[-1]
        change_of_z = target / slack - z - z / slack * change
        length = tf.minimum(_longest(slack, change), _longest(z, change_of_z))
        return slack + length * change, z + length * change_of_z, multiplier + length * change_of_multiplier

    start = (tf.ones_like(lower), tf.ones_like(lower), tf.zeros([], lower.dtype))
    return lower + tf.while_loop(unfinished, step, start, maximum_iterations=_ITERATIONS)[0]


def _longest(values: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Returns the share of `steps`, at most 1, that moves no positive value further than 0.99 of the way to zero."""
    ratios = tf.where(steps < 0, -values / tf.where(steps < 0, steps, -tf.ones_like(steps)), tf.ones_like(steps) / 0.99)
    return tf.minimum(tf.ones([], values.dtype), 0.99 * tf.reduce_min(ratios))
