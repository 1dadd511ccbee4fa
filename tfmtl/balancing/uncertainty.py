"""Uncertainty weighting (Kendall, Gal and Cipolla 2018)."""

from typing import Literal

import tensorflow as tf
from pydantic import Field, model_validator

from tfmtl.balancing.adam import Adam
from tfmtl.balancing.method import LossWeighting
from tfmtl.balancing.per_task import Finite, PerTask, check_per_task
from tfmtl.registry import BALANCING, Options


class UncertaintyOptions(Options):
    """Options of uncertainty weighting.

    Attributes:
        form: of the losses; `automatic` is `regression` for tasks of that kind and `classification` for all others.
        initial: the logarithm of each task's variance at the beginning, one number or a list.
        learning_rate: of the logarithms.
        clamp: their bounds, which keep a task that has been learned by heart from a weight without bound.
    """

    form: Literal["automatic", "classification", "regression"] = "automatic"
    initial: PerTask = 0.0
    learning_rate: float = Field(0.01, gt=0.0)
    clamp: tuple[Finite, Finite] = (-5.0, 5.0)

    @model_validator(mode="after")
    def _ordered(self):
        if not self.clamp[0] < self.clamp[1]:
            raise ValueError("'clamp' must be a lower and an upper bound")
        return self


@BALANCING.register("uncertainty", options=UncertaintyOptions)
class Uncertainty(LossWeighting):
    r"""Each task's loss is divided by its variance, which is learned.

    With :math:`s = \log \sigma^2`: classification (and summaries, which are classifications of pieces)
    :math:`e^{-s} L + s / 2`, regression :math:`e^{-s} L / 2 + s / 2` (equations 7 to 10). Effective weights are
    :math:`e^{-s}` and :math:`e^{-s} / 2`; s follows its derivative by Adam.

    Scales shared parameters and heads, by the convention of the sum. No further backward pass. Its state are s and
    Adam's moments, `[tasks]` each.

    Differs from much published code because that uses the half of regression for every task; s is clamped, because the
    weight of a task whose loss goes to zero grows without bound. Neither weight decay nor the model's optimizer touches
    s. The objective can be negative: do not stop by it.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> method = get("uncertainty", form="regression", initial=[0.0, 1.3862943611198906])
    >>> method.weights(tf.constant([1.0, 4.0])).numpy().round(6).tolist()
    [0.5, 0.125]
    """

    def check(self, tasks):
        check_per_task("initial", self.options.initial, tasks)

    def _make_state(self, count, size, dtype):
        initial = tf.broadcast_to(tf.constant(self.options.initial, dtype), [count])
        initial = tf.clip_by_value(initial, *self.options.clamp)
        self._logarithms = self._variable("log_variances", initial, dtype)
        self._adam = Adam(self._logarithms, self._variable, self.options.learning_rate)

    def _weights(self, losses, present):
        logarithms = self._logarithms.value
        weights = tf.cast(self._factors(losses.shape[0]), logarithms.dtype) * tf.exp(-logarithms)
        self._adam.step(0.5 - weights * tf.cast(losses, logarithms.dtype), present)
        self._logarithms.assign(tf.clip_by_value(self._logarithms.value, *self.options.clamp))
        return weights

    def _factors(self, count: int) -> list[float]:
        if self.options.form == "automatic":
            return [0.5 if self._is_regression(task) else 1.0 for task in range(count)]
        return [0.5 if self.options.form == "regression" else 1.0] * count

    def _is_regression(self, index: int) -> bool:
        return self.tasks is not None and self.tasks[index].kind == "regression"
