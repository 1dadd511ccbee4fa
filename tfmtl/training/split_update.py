"""An update that distinguishes shared variables from those of single tasks."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfmtl.balancing.method import GradientCombination
from tfmtl.training.accumulation import Accumulation
from tfmtl.training.losses import TaskLoss
from tfmtl.training.update import Update
from tfmtl.training.variable_usage import VariableUsage


class SplitUpdate(Update):
    """An update by a method that reads the tasks' gradients by their shared variables.

    Variables that only one task reaches, such as those of its head, follow that task's loss, multiplied by the task's
    weight if the method also scales heads.

    Args:
        task_losses, balancing, clip_norm, accumulation: as in `Update`.
        usage: the variables that each task reads.
    """

    keeps_rows = False

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
        """Returns the gradients of the tasks' own variables by position, weighed by the method."""
        scales = self.active.value * (weights if self.balancing.scales_heads else 1.0)
        return {
            position: tf.cast(scales[task], gradient.dtype) * gradient
            for (task, position), gradient in zip(self._own, gradients, strict=True)
        }
