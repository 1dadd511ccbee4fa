"""Measures how much a step for one task helps or hurts the others, while all of them are trained."""

import json
from collections.abc import Iterable
from pathlib import Path

import keras
import tensorflow as tf

from tfmtl.training.progress import Progress
from tfmtl.training.update import Update, dense, flat
from tfmtl.training.variable_usage import VariableUsage


class AffinityProbe(keras.callbacks.Callback):
    r"""Measures inter-task affinity (TAG, Fifty et al. 2021, eq. 2) every few updates, on the next batch.

    :math:`Z_{i \to j} = 1 - L_j(X; \theta_s - \eta \nabla_{\theta_s} L_i, \theta_j) / L_j(X; \theta_s, \theta_j)`,
    which is positive if a step for task i lowers the loss of task j. The shared parameters are those that two or more
    of the tasks use; eta is the learning rate of the next update. Afterwards, the weights are restored.

    Both losses are computed without dropout, which meets the paper's requirement of one mask for both. A step is one of
    plain gradient descent, whatever optimizer trains the model.

    Each measurement adds one line of JSON to a file: the update, the interval between measurements, the affinities
    `[from][to]` and the inner products of the gradients, with null for tasks that have no row in the batch.

    Args:
        path: the path of the file.
        update: the update that computes the losses.
        progress: the progress of the training.
        usage: the variables that each of the measured tasks reads.
        batches: the batches to measure, one per `every` updates, from the update at which the training begins.
        every: the number of updates between two measurements; the first batch is that of update `every`.
    """

    def __init__(
        self, path: Path, update: Update, progress: Progress, usage: VariableUsage, batches: Iterable, every: int
    ):
        super().__init__()
        self._path = path
        self._update = update
        self._progress = progress
        self._tasks = [update.tasks.index(task) for task in usage.tasks]
        self._shared = usage.shared
        self._batches = iter(batches)
        self._every = every
        self._step = tf.function(self._look_ahead, reduce_retracing=True, autograph=False)

    def on_train_batch_begin(self, batch, logs=None):
        coming = self._progress.update + 1
        if coming % self._every == 0:
            measured = {"update": coming, "every": self._every, **self._measure(next(self._batches))}
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps(measured) + "\n")

    def _measure(self, batch) -> dict[str, list[list[float | None]]]:
        results = [self._step(batch, tf.one_hot(task, len(self._update.tasks))) for task in self._tasks]
        before = results[0][0].numpy()[self._tasks]
        present = before > 0
        gradients = [gradient for _, _, gradient in results]
        gram = tf.matmul(gradients, gradients, transpose_b=True).numpy()
        affinity = [1.0 - after.numpy()[self._tasks] / before.clip(min=1e-12) for _, after, _ in results]
        count = len(self._tasks)

        def rows(matrix) -> list[list[float | None]]:
            return [
                [float(matrix[i][j]) if present[i] and present[j] else None for j in range(count)] for i in range(count)
            ]

        return {"affinity": rows(affinity), "gram": rows(gram)}

    def _look_ahead(self, batch, chosen) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns all losses before and after a step for the chosen task, and its gradient in one row."""
        shared = [self.model.trainable_variables[position].value for position in self._shared]
        with tf.GradientTape() as tape:
            before = self._update.measure(self.model, batch)
            loss = tf.reduce_sum(chosen * before)
        gradients = [
            dense(gradient, variable) for gradient, variable in zip(tape.gradient(loss, shared), shared, strict=True)
        ]
        values = [tf.identity(variable) for variable in shared]
        rate = tf.cast(self.model.optimizer.learning_rate, tf.float32)
        for variable, value, gradient in zip(shared, values, gradients, strict=True):
            variable.assign(value - tf.cast(rate, gradient.dtype) * gradient)
        after = self._update.measure(self.model, batch)
        with tf.control_dependencies([after]):
            for variable, value in zip(shared, values, strict=True):
                variable.assign(value)
        return before, after, flat(gradients)
