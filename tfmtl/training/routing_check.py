"""The check at start-up that each head learns from its own target, and from no other."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfmtl.data.piece_ids import END_ID, SPECIAL_IDS, START_ID
from tfmtl.data.tables import Slice
from tfmtl.tasks.task import Task
from tfmtl.training.update import Update

_ROWS = 2
_SUMMARIES = ([START_ID, SPECIAL_IDS, END_ID], [START_ID, SPECIAL_IDS + 1, END_ID])
_TARGETS = {"classification": (np.int32(0), np.int32(1)), "regression": (np.float32(0.0), np.float32(7.0))}
"""Two targets of a head, by its task's kind."""


def check_routing(model: keras.Model, update: Update, tasks: Mapping[str, Task], slices: Sequence[Slice]) -> None:
    """Changes the target of one task after the other; only that task's loss may move.

    Releases of Keras have sent targets to the wrong head where names and order disagree (keras#20346, #20596, #22625).

    Args:
        model: compiled or not.
        update: what computes the losses.
        tasks: with their label sets.
        slices: of the model.

    Raises:
        RuntimeError: where a loss moves with another task's target, or does not move with its own.
    """
    strategy = tf.distribute.get_strategy()

    @tf.function(reduce_retracing=True, autograph=False)
    def losses(inputs, targets):
        return strategy.run(lambda x, y: update.task_losses(model, (x, y)), args=(inputs, targets))

    def measure(changed: str | None) -> np.ndarray:
        batch = _batch(tasks, slices, changed)
        return strategy.experimental_local_results(losses(*batch))[0].numpy()

    before = measure(None)
    for index, name in enumerate(update.tasks):
        moved = ~np.isclose(measure(name), before, rtol=1e-5, atol=1e-6)
        expected = np.arange(len(moved)) == index
        if (moved != expected).any():
            names = [task for task, flag in zip(update.tasks, moved, strict=True) if flag]
            raise RuntimeError(f"changing the target of '{name}' moves the loss of: {', '.join(names) or 'no task'}")


def _batch(tasks: Mapping[str, Task], slices: Sequence[Slice], changed: str | None) -> tuple[dict, dict]:
    inputs, targets = {}, {name: [] for name in tasks}
    for part in slices:
        inputs[part.tokens] = tf.constant([[START_ID, SPECIAL_IDS, SPECIAL_IDS + 1, END_ID]] * _ROWS)
        for name in part.heads:
            targets[name].append(np.full(_ROWS, _TARGETS[tasks[name].kind][name == changed]))
        for name in part.summaries:
            summary = np.array([_SUMMARIES[name == changed]] * _ROWS, np.int32)
            inputs[f"summary_{name}"] = tf.constant(summary)
            targets[name].append(summary)
    return inputs, {name: tf.constant(np.concatenate(parts)) for name, parts in targets.items()}
