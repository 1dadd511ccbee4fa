"""Gradient vaccine (Wang et al. 2021)."""

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.orders import random_orders
from tfmtl.core.registry import BALANCING


class GradVacOptions(GramOptions):
    """How the goals are tracked, and in which orders gradients meet.

    Attributes:
        beta: the rate at which the goals follow the observed cosines.
        seed: the seed of the orders in which a gradient meets the others.
    """

    beta: float = Field(0.01, ge=0.0, le=1.0)
    seed: int = Field(0, ge=0, lt=2**31)


@BALANCING.register("gradvac", options=GradVacOptions)
class GradVac(GramCombination):
    r"""The sum of the gradients after each is turned towards each other one until their cosine is the usual one.

    Where :math:`\phi = \cos(p_i, g_j)` is below its goal :math:`\hat\phi_{ij}`,
    :math:`p_i \leftarrow p_i + |p_i| (\hat\phi \sqrt{1 - \phi^2} - \phi \sqrt{1 - \hat\phi^2}) /
    (|g_j| \sqrt{1 - \hat\phi^2}) \; g_j`; then :math:`\hat\phi_{ij} \leftarrow (1 - \beta) \hat\phi_{ij} + \beta \phi`
    (section 3.3 and Algorithm 1). Goals start from zero, so the first step is that of PCGrad.

    It scales the shared parameters only, on the scale of the sum of the gradients, and needs one backward pass per
    task. Its state consists of the goals `[tasks, tasks]`, which need not be symmetric, and the number of draws.

    It differs from the official code in that cosines and goals are those of all shared parameters together, not of each
    layer, and in that the absolute value of a cosine is at most 1 - 1e-7, because the factor for a goal of 1 has no
    bound.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("gradvac").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.5, 1.5]
    """

    def _make_state(self, count, size, dtype):
        self._goals = self._variable("goals", tf.zeros([count, count], dtype), dtype)
        self._draws = self._variable("draws", 0, "int32")

    def task_weights(self, gram, losses, present):
        orders = random_orders(gram.shape[0], self.options.seed, self._draws.value)
        self._draws.assign_add(1)
        return self.vaccinated(gram, present, orders)

    def vaccinated(self, gram: tf.Tensor, present: tf.Tensor, orders: tf.Tensor) -> tf.Tensor:
        """Returns the weights, float64 `[tasks]`, for `orders`, int32 `[tasks, tasks - 1]`; updates the goals."""
        count = gram.shape[0]
        coefficients = tf.eye(count, dtype=gram.dtype)
        norms = tf.sqrt(tf.linalg.diag_part(gram))
        goals = tf.cast(tf.convert_to_tensor(self._goals.value), gram.dtype)
        for met in tf.unstack(orders, axis=1):
            inner = tf.reduce_sum(coefficients * tf.gather(gram, met), axis=1)
            length = tf.sqrt(tf.maximum(tf.reduce_sum(tf.matmul(coefficients, gram) * coefficients, axis=1), 0.0))
            norm = tf.gather(norms, met)
            chosen = tf.one_hot(met, count, dtype=gram.dtype)
            cosine = _bounded(tf.math.divide_no_nan(inner, length * norm))
            goal = tf.reduce_sum(goals * chosen, axis=1)
            # A zero gradient, such as that of an absent task, has no direction to turn or to turn towards.
            is_met = (length > 0) & (norm > 0)
            sine, goal_sine = tf.sqrt(1.0 - cosine**2), tf.sqrt(1.0 - goal**2)
            factor = tf.math.divide_no_nan(length * (goal * sine - cosine * goal_sine), norm * goal_sine)
            factor = tf.where(is_met & (cosine < goal), factor, tf.zeros_like(factor))
            coefficients += factor[:, None] * chosen
            moved = tf.where(is_met, self.options.beta * (cosine - goal), tf.zeros_like(goal))
            goals += moved[:, None] * chosen
        self._goals.assign(tf.cast(goals, self._goals.dtype))
        return tf.reduce_sum(tf.where(present[:, None], coefficients, tf.zeros_like(coefficients)), axis=0)


def _bounded(cosine: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(cosine, -1.0 + 1e-7, 1.0 - 1e-7)
