"""Saves checkpoints during training."""

from collections.abc import Sequence

import keras
import numpy as np

from tfmtl.runs.checkpoints import Checkpoint, Checkpoints
from tfmtl.training.progress import Progress
from tfmtl.training.update import Update


class Checkpointing(keras.callbacks.Callback):
    """Counts updates and saves all that a training needs to resume, at regular intervals and after each epoch.

    It must be the last callback, so that what the others do after an epoch is in the epoch's checkpoint.

    Args:
        checkpoints: the checkpoints of the run; `None` in a process that does not write.
        progress: the progress of the training.
        update: the update whose variables are saved along with those of the model and the optimizer.
        every: the number of updates between two checkpoints.
    """

    def __init__(self, checkpoints: Checkpoints | None, progress: Progress, update: Update, every: int):
        super().__init__()
        self._checkpoints = checkpoints
        self._progress = progress
        self._update = update
        self._every = every
        self._running_means: list[np.ndarray] | None = None

    def resume(self, checkpoint: Checkpoint) -> None:
        """Restores every variable; the running means of an unfinished epoch follow when the rest of it begins."""
        checkpoint.restore(self._variables())
        self._running_means = [variable.numpy() for variable in self._tracked()]

    def on_epoch_begin(self, epoch, logs=None):
        # Keras has just reset the running means.
        if self._running_means is not None and self._progress.within_epoch:
            for variable, value in zip(self._tracked(), self._running_means, strict=True):
                variable.assign(value)
        self._running_means = None

    def on_train_batch_end(self, batch, logs=None):
        self._progress.update += 1
        if self._progress.update % self._every == 0 and self._progress.within_epoch:
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        self._save()

    def _save(self) -> None:
        # Every worker reads the variables, because a metric's counts are summed over all workers.
        values = [np.asarray(variable) for variable in self._variables()]
        if self._checkpoints is not None:
            self._checkpoints.save(self._progress.update, values, self._progress.as_mapping())

    def _variables(self) -> Sequence[keras.Variable]:
        return [*self.model.variables, *self.model.optimizer.variables, *self._update.variables, *self._tracked()]

    def _tracked(self) -> list[keras.Variable]:
        return self._update.means.variables
