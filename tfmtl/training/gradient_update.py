"""An update whose gradient is a combination of the tasks' own gradients."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfmtl.training.batch_rows import BatchRows
from tfmtl.training.split_update import SplitUpdate
from tfmtl.training.update import all_sum, dense, flat, specs


class GradientUpdate(SplitUpdate):
    """An update by a method that combines gradients of the shared parameters.

    Each task has a gradient of its own, which is summed over all replicas before the gradients are combined: combining
    the gradients of each replica would give a different result.

    Tasks of one group share rows: there is one forward pass over the group's rows, and a backward pass for each of its
    tasks. So tasks that are alone in their groups cost, together, as much as one pass over all rows.

    Args:
        task_losses, balancing, clip_norm, accumulation, usage: as in `SplitUpdate`; the method is built for the shared
            parameters.
    """

    _groups: Sequence[Sequence[str]] = ()
    _rows: BatchRows | None = None

    def group(self, groups: Sequence[Sequence[str]], rows: BatchRows) -> None:
        """Reads the rows of each group of tasks separately; shapes become dynamic.

        Args:
            groups: groups of tasks, such that no row has targets of two groups.
            rows: the object that selects the rows of a group.
        """
        self._groups = list(groups)
        self._rows = rows
        self.has_static_shapes = False

    def _gradients(self, model, batch, counts):
        variables, scale = model.trainable_variables, model.optimizer.scale_loss(1.0)
        shared = [variables[position] for position in self._shared]
        own = [variables[position] for _, position in self._own]
        matrix = tf.TensorSpec([len(self.tasks), sum(_size(variable) for variable in shared)], tf.float32)
        losses, matrix, *of_own = self._accumulation.total(
            batch, lambda part: self._of_groups(model, part, counts), [self._of_tasks(), matrix, *specs(own)]
        )
        losses, matrix = all_sum(losses), all_sum(matrix)
        matrix, combined, weights = self._combined(matrix, losses, counts, scale)
        self.losses.assign(losses)
        self.weights.assign(weights * self.active.value)
        self.gram.assign(tf.matmul(matrix, matrix, transpose_b=True))
        gradients = dict(zip(self._shared, _like(shared, combined * scale), strict=True))
        gradients |= self._weighed(all_sum(of_own), weights)
        return [dense(gradients.get(position), variable) for position, variable in enumerate(variables)]

    def _combined(self, matrix, losses, counts, scale) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the unscaled gradients, the method's combination of them, and its weights."""
        present = (counts > 0) & (self.active.value > 0)
        # A scaled gradient overflows now and then; the optimizer skips such an update.
        matrix = matrix / scale if tf.is_tensor(scale) else matrix
        return matrix, *self.balancing.combine_finite(matrix, losses, present)

    def _of_groups(self, model: keras.Model, batch, counts: tf.Tensor) -> list[tf.Tensor]:
        """Returns shares of the losses `[tasks]`, shared gradients `[tasks, size]` and those of each own variable."""
        losses, rows, own = {}, {}, {}
        for tasks in self._groups or [self.tasks]:
            inputs, targets = batch if self._rows is None else self._rows.of_tasks(batch, tasks)
            with tf.GradientTape(persistent=True) as tape:
                shares = self._shares_of(tasks, targets, model(inputs, training=True), counts)
                # Not taken from a stack, through which each task's gradient would flow into all heads, as zeros. The
                # gradient of a stopped task is zero from here on.
                kept = [self.active.value[self.tasks.index(task)] for task in tasks]
                scaled = [model.optimizer.scale_loss(s * k) for s, k in zip(shares, kept, strict=True)]
            for task, share, loss in zip(tasks, shares, scaled, strict=True):
                found = self._gradients_of(tape, loss, task, model.trainable_variables)
                losses[task] = share
                rows[task] = flat([found[position] for position in self._shared])
                own |= {position: found[position] for position in self._usage.own(task)}
            del tape
        stacked = (tf.stack([values[task] for task in self.tasks]) for values in (losses, rows))
        return [*stacked, *(own[position] for _, position in self._own)]

    def _gradients_of(self, tape, loss: tf.Tensor, task: str, variables: Sequence) -> dict[int, tf.Tensor]:
        """Returns the gradient by each variable that is shared or the task's own; zero if the task does not use it."""
        reached = sorted(self._usage.tasks[task])
        found = dict(zip(reached, tape.gradient(loss, [variables[k] for k in reached]), strict=True))
        return {k: dense(found.get(k), variables[k]) for k in {*self._shared, *reached}}


def _size(variable: keras.Variable) -> int:
    return tf.TensorShape(variable.shape).num_elements()


def _like(variables: Sequence[keras.Variable], values: tf.Tensor) -> list[tf.Tensor]:
    """Returns the parts of `values` in the shapes of the variables."""
    if not variables:
        return []
    parts = tf.split(values, [_size(variable) for variable in variables])
    return [tf.cast(tf.reshape(p, v.shape), v.dtype) for p, v in zip(parts, variables, strict=True)]
