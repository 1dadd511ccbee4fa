"""An update that tells what tasks share from what is a task's own."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfmtl.balancing.method import GradientCombination
from tfmtl.training.accumulation import Accumulation
from tfmtl.training.losses import TaskLoss
from tfmtl.training.update import Update
from tfmtl.training.variable_usage import VariableUsage


class SplitUpdate(Update):
    """An update by a method that reads the tasks' gradients by what they share.

    What only one task reaches, such as its head, follows that task's loss, by the task's weight where the method scales
    heads too.

    Args:
        task_losses, balancing, clip_norm, accumulation: as `Update`.
        usage: which variables the tasks read.
    """

    def __init__(
        self,
        task_losses: Mapping[str, TaskLoss],
        balancing: GradientCombination,
        clip_norm: float,
        accumulation: Accumulation | None,
        usage: VariableUsage,
    ):
        super().__init__(task_losses, balancing, clip_norm, accumulation)
        self._usage = usage
        self._shared = usage.shared
        self._own = [(k, position) for k, task in enumerate(self.tasks) for position in usage.own(task)]
        self.gram = self._state([[0.0] * len(self.tasks)] * len(self.tasks), "gram")

    def _weighed(self, gradients: Sequence[tf.Tensor], weights: tf.Tensor) -> dict[int, tf.Tensor]:
        """Returns the gradients of the tasks' own variables, by position, as the method weighs them."""
        scales = self.active.value * (weights if self.balancing.scales_heads else 1.0)
        return {
            position: tf.cast(scales[task], gradient.dtype) * gradient
            for (task, position), gradient in zip(self._own, gradients, strict=True)
        }
