"""Uncertainty weighting (Kendall, Gal and Cipolla 2018)."""

from typing import Literal

import tensorflow as tf

from tfmtl.balancing.learned import LearnedOptions, LearnedWeighting
from tfmtl.core.registry import BALANCING
from tfmtl.kinds.kind import kind_of


class UncertaintyOptions(LearnedOptions):
    """How the logarithms of the tasks' variances are learned.

    Attributes:
        form: the form of the losses; `automatic` is `regression` for tasks that predict numbers and `classification`
            for all others.
    """

    form: Literal["automatic", "classification", "regression"] = "automatic"


@BALANCING.register("uncertainty", options=UncertaintyOptions)
class Uncertainty(LearnedWeighting):
    r"""Each task's loss is divided by the task's variance, which is learned.

    With :math:`s = \log \sigma^2`, the objective is :math:`e^{-s} L + s / 2` for classification (and for summaries,
    which are classifications of tokens) and :math:`e^{-s} L / 2 + s / 2` for regression (equations 7 to 10). Effective
    weights are :math:`e^{-s}` and :math:`e^{-s} / 2`; s descends along its derivative with Adam.

    It scales shared parameters and heads, on the scale of the sum of the losses, and needs no additional backward pass.
    Its state consists of s and the moments of Adam, `[tasks]` each.

    It differs from much published code, which uses the factor one half of regression for every task. Here s is clamped,
    because the weight of a task whose loss approaches zero would grow without bound. Neither weight decay nor the
    optimizer of the model affects s. The objective can be negative, so do not use it as a stopping criterion.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> method = get("uncertainty", form="regression", initial=[0.0, 1.3862943611198906])
    >>> method.weights(tf.constant([1.0, 4.0])).numpy().round(6).tolist()
    [0.5, 0.125]
    """

    def _weights(self, losses, present):
        logarithms = self.logarithms.value
        weights = tf.cast(self._factors(losses.shape[0]), logarithms.dtype) * tf.exp(-logarithms)
        self._learn(0.5 - weights * tf.cast(losses, logarithms.dtype), present)
        return weights

    def _factors(self, count: int) -> list[float]:
        if self.options.form == "automatic":
            return [0.5 if self._predicts_numbers(task) else 1.0 for task in range(count)]
        return [0.5 if self.options.form == "regression" else 1.0] * count

    def _predicts_numbers(self, index: int) -> bool:
        return self.tasks is not None and kind_of(self.tasks[index]).predicts == "numbers"
