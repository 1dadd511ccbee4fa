"""Uncertainty weighting (Kendall, Gal and Cipolla 2018)."""

from typing import Literal

import tensorflow as tf

from tfmtl.balancing.learned import LearnedOptions, LearnedWeighting
from tfmtl.core.registry import BALANCING
from tfmtl.kinds.kind import kind_of


class UncertaintyOptions(LearnedOptions):
    """Options of uncertainty weighting; its logarithms are those of the tasks' variances.

    Attributes:
        form: of the losses; `automatic` is `regression` for tasks that predict numbers and `classification` for all
            others.
    """

    form: Literal["automatic", "classification", "regression"] = "automatic"


@BALANCING.register("uncertainty", options=UncertaintyOptions)
class Uncertainty(LearnedWeighting):
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
