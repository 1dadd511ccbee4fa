"""Selects rows of a batch from all its slices: those of some tasks, or one of several equal parts."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from tfmtl.data.tables import Slice, target_name
from tfmtl.training.losses import TaskLoss

Take = Callable[[tf.Tensor], tf.Tensor]
"""Maps the values of all rows of a slice, `[rows, ...]`, to those of some of them."""


class BatchRows:
    """Selects rows of a batch `(inputs, targets)` of the form that `tfmtl.data.batches` makes.

    Args:
        slices: the slices of the model, in order.
        losses: the loss of each task, by name.
    """

    def __init__(self, slices: Sequence[Slice], losses: Mapping[str, TaskLoss]):
        self._slices = list(slices)
        self._losses = dict(losses)

    def of_tasks(self, batch, tasks: Sequence[str]):
        """Returns the batch of the rows that have a target of one of `tasks`.

        A slice without any of these tasks stays as it is: nothing that they need is computed from it. The rows are
        known only when the graph runs, so that shapes are dynamic.
        """

        def take(part: Slice, targets: Mapping[str, tf.Tensor]) -> Take:
            present = [self._losses[task].has_target(targets[task]) for task in tasks if task in targets]
            if not present:
                return tf.identity
            rows = tf.where(tf.reduce_any(tf.stack(present), axis=0))[:, 0]
            return lambda values: tf.gather(values, rows)

        return self._taken(batch, take)

    def part(self, batch, index: tf.Tensor, parts: int):
        """Returns the batch of each `parts`-th row of every slice, starting at row `index`.

        The number of rows of each slice must be a multiple of `parts`; the parts have the same static shape.
        """

        def every(values: tf.Tensor) -> tf.Tensor:
            rows, shape = values.shape[0] // parts, tf.shape(values)
            folded = tf.reshape(values, tf.concat([[rows, parts], shape[1:]], axis=0))
            return tf.ensure_shape(tf.gather(folded, index, axis=1), [rows, *values.shape[1:]])

        return self._taken(batch, lambda part, targets: every)

    def between(self, batch, start: int, stop: int):
        """Returns the batch of the rows of every slice from `start` to `stop`."""
        return self._taken(batch, lambda part, targets: lambda values: values[start:stop])

    def _taken(self, batch, take_of: Callable[[Slice, Mapping[str, tf.Tensor]], Take]):
        inputs, targets = dict(batch[0]), {}
        for part, own in zip(self._slices, self._targets_by_slice(*batch), strict=True):
            take = take_of(part, own)
            for name in (part.tokens, *map(target_name, part.generated)):
                inputs[name] = take(inputs[name])
            for task, values in own.items():
                targets.setdefault(task, []).append(take(values))
        return inputs, {task: tf.concat(targets[task], axis=0) for task in batch[1]}

    def _targets_by_slice(self, inputs, targets) -> list[dict[str, tf.Tensor]]:
        """Returns each slice's part of the targets, which are concatenated in the slices' order."""
        sizes = [inputs[part.tokens].shape[0] for part in self._slices]
        parts: list[dict[str, tf.Tensor]] = [{} for _ in self._slices]
        for task, values in targets.items():
            places = [k for k, part in enumerate(self._slices) if task in part.tasks]
            split = tf.split(values, [sizes[k] for k in places]) if len(places) > 1 else [values]
            for k, piece in zip(places, split, strict=True):
                parts[k][task] = piece
        return parts
