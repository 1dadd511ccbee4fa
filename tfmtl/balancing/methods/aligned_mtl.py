"""Independent component alignment (Senushkin et al. 2023)."""

from typing import Literal

import tensorflow as tf

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.quadratic import unit_gram
from tfmtl.core.registry import BALANCING


class AlignedMTLOptions(GramOptions):
    """How the aligned gradients are scaled and combined.

    Attributes:
        scale: the eigenvalue of the Gram matrix that replaces all others: the smallest, the (lower) median, or the mean
            (`rmse`, named after the root mean square of the singular values).
        reduction: the combination of the aligned gradients: their `sum`, as in the official code, or their `mean`.
    """

    scale: Literal["min", "median", "rmse"] = "min"
    reduction: Literal["sum", "mean"] = "sum"


@BALANCING.register("aligned_mtl", options=AlignedMTLOptions)
class AlignedMTL(GramCombination):
    r"""Gradients are replaced by the nearest orthogonal ones of equal length, so that none dominates.

    :math:`G = V \Lambda V^\top`; :math:`d = \sum_i w_i g_i` with
    :math:`w = \sqrt{\lambda_s} V \Lambda^{-1/2} V^\top 1` over the eigenvalues that are not zero (Algorithm 1).

    It scales the shared parameters only, needs one backward pass per task, and has no state.

    It differs from the official code in rounding only: an eigenvalue counts as zero if it is smaller than T times the
    spacing of floating-point numbers at the largest one, and small eigenvalues are accurate to their own precision.
    With `min`, the smallest eigenvalue determines the length of a step, so two nearly identical tasks shorten every
    update.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("aligned_mtl").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(5).tolist()
    [0.27639, 0.82918]
    """

    def task_weights(self, gram, losses, present):
        values, vectors = _eigen(gram)
        count = gram.shape[0]
        kept = values > values[-1] * count * self._precision
        rank = tf.reduce_sum(tf.cast(kept, tf.int32))
        scale = self._scale(tf.where(kept, values, tf.zeros_like(values)), count - rank, rank)
        inverse = tf.where(kept, tf.math.rsqrt(tf.where(kept, values, tf.ones_like(values))), tf.zeros_like(values))
        preference = tf.cast(present, gram.dtype)
        if self.options.reduction == "mean":
            preference /= tf.maximum(tf.reduce_sum(preference), 1.0)
        return tf.sqrt(scale) * tf.linalg.matvec(
            vectors, inverse * tf.linalg.matvec(vectors, preference, transpose_a=True)
        )

    def _scale(self, values: tf.Tensor, first: tf.Tensor, rank: tf.Tensor) -> tf.Tensor:
        last = values.shape[0] - 1
        if self.options.scale == "min":
            return values[tf.minimum(first, last)]
        if self.options.scale == "median":
            return values[tf.minimum(first + (rank - 1) // 2, last)]
        return tf.reduce_sum(values) / tf.cast(tf.maximum(rank, 1), values.dtype)


def _eigen(gram: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the ascending eigenvalues and the eigenvectors of a Gram matrix, accurate for rows of any magnitude.

    The eigenvalues are the squared singular values of a factor that is computed from the cosines, so that squaring does
    not lose half of the digits of the small ones.
    """
    cosines, norms = unit_gram(gram)
    usable = tf.cast(norms > 0, gram.dtype)
    of_cosines, directions = tf.linalg.eigh(cosines * usable[:, None] * usable[None, :])
    factor = norms[:, None] * directions * tf.sqrt(tf.maximum(of_cosines, 0.0))[None, :]
    singular, vectors, _ = tf.linalg.svd(factor)
    return singular[::-1] ** 2, vectors[:, ::-1]
