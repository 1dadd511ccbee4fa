"""A weighted sum of the losses with constant weights."""

from typing import Annotated

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import LossWeighting
from tfmtl.core.errors import ConfigurationError, nearest
from tfmtl.core.registry import BALANCING, Options


class FixedOptions(Options):
    """The constant weights.

    Attributes:
        weights: the weight of the loss of each task, by its name; 1 for a task that is not named.
    """

    weights: dict[str, Annotated[float, Field(ge=0.0, allow_inf_nan=False)]] = Field(default_factory=dict)


@BALANCING.register("fixed", options=FixedOptions)
class Fixed(LossWeighting):
    r"""The sum of the tasks' losses, each multiplied by its weight; equal weights are the usual baseline.

    :math:`\sum_i w_i L_i`. Kurin et al. 2022 and Xin et al. 2022 find it on a par with specialised methods once the
    weights are tuned. To tune them, train with a few values, such as 0.3, 1 and 3 for each task in turn, and compare
    the validation scores.

    It scales shared parameters and heads, needs no additional backward pass, and has no state.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("fixed").weights(tf.constant([1.0, 4.0])).numpy().tolist()
    [1.0, 1.0]
    """

    reads_losses = False

    def check(self, tasks):
        for name in self.options.weights:
            if name not in tasks:
                raise ConfigurationError(f"balancing.weights: unknown task '{name}'; {nearest(name, tasks)}")

    def _weights(self, losses, present):
        if self.tasks is None:
            return tf.ones_like(losses)
        return tf.constant([self.options.weights.get(task.name, 1.0) for task in self.tasks], losses.dtype)
