"""The check at start-up that each head learns from its own target and from no other."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfmtl.data.special_tokens import END_ID, SPECIAL_IDS, START_ID
from tfmtl.data.tables import Slice, target_name
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.training.strategy import on_first_replica
from tfmtl.training.update import Update

_ROWS = 2


def check_routing(model: MultiTaskModel, update: Update, tasks: Mapping[str, Task], slices: Sequence[Slice]) -> None:
    """Checks that each task's loss reads its own target and its own head, and those of no other task.

    Releases of Keras have sent targets to the wrong head if names and order disagree (keras#20346, #20596, #22625).

    Args:
        model: the model, compiled or not.
        update: the update that computes the losses.
        tasks: the tasks, with their label sets.
        slices: the slices of the model.

    Raises:
        RuntimeError: if a loss changes with another task's target or head, or does not change with its own.
    """
    names = update.tasks
    losses = on_first_replica(lambda batch: update.measure(model, batch))
    before = losses(_batch(tasks, slices, []))
    for index, name in enumerate(names):
        after = losses(_batch(tasks, slices, [name]))
        _require_only(index, ~np.isclose(after, before, rtol=1e-5, atol=0.0), names, "target")
    reached_by = on_first_replica(lambda batch: _reached(model, update, batch))
    reached = reached_by(_batch(tasks, slices, names)).numpy()
    for index, name in enumerate(names):
        if model.network.own_variables(name):
            _require_only(index, reached[:, index], names, "head")


def _reached(model: MultiTaskModel, update: Update, batch) -> tf.Tensor:
    """Returns whether each task's loss reaches each task, bool `[tasks, tasks]`.

    A task's loss reaches another task if it has a gradient in the layers that belong to that task alone.
    """
    heads = [[variable.value for variable in model.network.own_variables(name)] for name in update.tasks]
    # Gradients of all other weights, some of the largest, would be computed and thrown away.
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(heads)
        of_tasks = tf.unstack(update.measure(model, batch), num=len(heads))
    gradients = [tape.gradient(loss, heads, unconnected_gradients="zero") for loss in of_tasks]
    return tf.stack([tf.stack([_any_non_zero(of_head) for of_head in of_loss]) for of_loss in gradients])


def _any_non_zero(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.reduce_any([tf.reduce_any(tf.convert_to_tensor(gradient) != 0.0) for gradient in gradients])


def _require_only(index: int, moved: np.ndarray, names: Sequence[str], what: str) -> None:
    if (moved != (np.arange(len(names)) == index)).any():
        others = ", ".join(name for name, flag in zip(names, moved, strict=True) if flag) or "no task"
        raise RuntimeError(f"changing the {what} of '{names[index]}' moves the loss of: {others}")


def _batch(tasks: Mapping[str, Task], slices: Sequence[Slice], changed: Sequence[str]) -> tuple[dict, dict]:
    """Returns pairs of texts that are all the same, and targets that differ in the last row of each changed task."""
    inputs, targets = {}, {name: [] for name in tasks}
    for part in slices:
        inputs[part.tokens] = tf.constant([[START_ID, SPECIAL_IDS, END_ID, SPECIAL_IDS + 1, END_ID]] * _ROWS)
        for name in part.tasks:
            plain, other = kind_of(tasks[name]).probe_targets(tasks[name])
            values = np.array([plain, other if name in changed else plain])
            targets[name].append(values)
            if name in part.generated:
                inputs[target_name(name)] = tf.constant(values)
    return inputs, {name: tf.constant(np.concatenate(parts)) for name, parts in targets.items()}
