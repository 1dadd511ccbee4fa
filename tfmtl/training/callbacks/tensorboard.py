"""Writes what TensorBoard shows while a model trains."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfmtl.balancing.conflict import conflict
from tfmtl.training.callbacks.event_writers import EventWriters
from tfmtl.training.progress import Progress
from tfmtl.training.update import Update

_VALIDATION = "val_"


class RowsRead(NamedTuple):
    """What the updates of a plan read.

    Attributes:
        tokens: the number of tokens that each update reads, int64 `[updates]`.
        shares: for each task, the share of each update's rows that have a target of it, float32 `[updates]`.
    """

    tokens: np.ndarray
    shares: Mapping[str, np.ndarray]


class TensorBoard(keras.callbacks.Callback):
    """Writes scalars every few updates, each epoch's logs, and the graph of the first validation.

    A task that has no row in an update has no loss for it. What the logs of an epoch have for the training and for the
    validation split has the same name in both, so that both curves are in one chart.

    Args:
        writers: the writers of TensorBoard's events.
        update: the update, which holds its last losses, counts and weights.
        progress: the progress of the training.
        read: a function that returns what the updates of the plan read; called each time that `fit` begins.
        every: the number of updates between two records.
    """

    def __init__(
        self,
        writers: EventWriters,
        update: Update,
        progress: Progress,
        read: Callable[[], RowsRead],
        every: int,
    ):
        super().__init__()
        self._writers = writers
        self._update = update
        self._progress = progress
        self._read = read
        self._every = every

    def on_train_begin(self, logs=None):
        self._rows = self._read()
        self._start_clock()

    def on_test_end(self, logs=None):
        # Uses the step that validation has traced anyway, because tracing takes seconds.
        if self._update.test_graph is not None and not self._progress.history:
            with self._writers.train.as_default():
                tf.summary.graph(self._update.test_graph)

    def on_epoch_begin(self, epoch, logs=None):
        self._start_clock()

    def on_train_batch_end(self, batch, logs=None):
        if (self._progress.update + 1) % self._every == 0:
            self._record(self._progress.update + 1)

    def on_epoch_end(self, epoch, logs=None):
        of_validation = {name: value for name, value in logs.items() if name.startswith(_VALIDATION)}
        of_train = {name: value for name, value in logs.items() if name not in of_validation}
        for writer, values in ((self._writers.train, of_train), (self._writers.validation, of_validation)):
            with writer.as_default(step=self._progress.update):
                for name, value in values.items():
                    tf.summary.scalar(f"epoch/{name.removeprefix(_VALIDATION)}", value)
        self._writers.flush()

    def on_train_end(self, logs=None):
        self._writers.flush()

    def _record(self, update: int) -> None:
        losses, weights = self._update.losses.numpy(), self._update.weights.numpy()
        seconds = time.perf_counter() - self._clock
        read = self._rows.tokens[self._first : update].sum()
        with self._writers.train.as_default(step=update):
            for index, task in enumerate(self._update.tasks):
                if task not in self._update.means.shown:
                    continue
                share = self._rows.shares[task][update - 1]
                if share:
                    tf.summary.scalar(f"loss/{task}", losses[index])
                tf.summary.scalar(f"weight/{task}", weights[index])
                tf.summary.scalar(f"share_of_rows/{task}", share)
            if self._update.gram is not None:
                for name, value in conflict(self._update.gram.numpy(), self._update.tasks).items():
                    tf.summary.scalar(f"gradients/{name}", value)
            tf.summary.scalar("loss/total", float(losses @ weights))
            tf.summary.scalar("gradient_norm/total", self._update.gradient_norm.numpy())
            tf.summary.scalar("learning_rate", float(self.model.optimizer.learning_rate))
            tf.summary.scalar("tokens_per_second", read / seconds)
        self._start_clock(update)

    def _start_clock(self, update: int | None = None) -> None:
        self._clock = time.perf_counter()
        self._first = self._progress.update if update is None else update
