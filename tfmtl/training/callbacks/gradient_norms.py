"""Measures how hard each task pulls at the shared trunk."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfmtl.balancing.conflict import conflict
from tfmtl.training.callbacks.images import cosine_map, image_of
from tfmtl.training.progress import Progress
from tfmtl.training.strategy import on_first_replica
from tfmtl.training.update import Update


class GradientNorms(keras.callbacks.Callback):
    """Describes, after each epoch, the tasks' unweighted gradients of the shared trunk on one training batch.

    It writes their norms, a heat map of their cosines, and their conflict (`tfmtl.balancing.conflict`) if the update
    itself does not know it. All tasks share one forward pass. The batch is read in the parts in which the update reads
    it.

    Args:
        writer: the writer of TensorBoard's events.
        update: the update that computes the losses.
        progress: the progress of the training.
        batch: a function that returns a batch of inputs and targets.
    """

    def __init__(self, writer: tf.summary.SummaryWriter, update: Update, progress: Progress, batch: Callable):
        super().__init__()
        self._writer = writer
        self._update = update
        self._progress = progress
        self._batch = batch
        self._gradients = on_first_replica(tf.function(self._compute, reduce_retracing=True, autograph=False))

    def on_epoch_end(self, epoch, logs=None):
        # Every replica computes, whether its process writes or not: the gradients are reduced over all of them.
        gradients = self._gradients(self._batch())
        gram = tf.matmul(gradients, gradients, transpose_b=True).numpy()
        with self._writer.as_default(step=self._progress.update):
            for index, task in enumerate(self._update.tasks):
                # A task without a row in the batch has no gradient, which is not the same as a zero gradient.
                if gram[index, index] > 0:
                    tf.summary.scalar(f"gradient_norm/{task}", gram[index, index] ** 0.5)
            cosines = cosine_map(gram, self._update.tasks)
            if cosines is not None:
                tf.summary.image("gradients/cosines", image_of(cosines))
            if self._update.gram is None:
                for name, value in conflict(gram, self._update.tasks).items():
                    tf.summary.scalar(f"gradients/{name}", value)

    def _compute(self, batch) -> tf.Tensor:
        return self._update.gradients_by_task(self.model, batch, self.model.network.trunk_variables())
