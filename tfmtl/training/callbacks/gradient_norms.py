"""How hard each task pulls at what all share."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tfmtl.balancing.conflict import conflict
from tfmtl.training.progress import Progress
from tfmtl.training.update import Update, dense


class GradientNorms(keras.callbacks.Callback):
    """Writes, after each epoch, how the tasks' unweighted gradients of the shared trunk are on one batch of train.

    Their norms; and how far they are at odds (`tfmtl.balancing.conflict`), where the update itself does not know it.
    One traced function serves all tasks: which of them counts is a tensor.

    Args:
        writer: of TensorBoard.
        update: computes the losses.
        progress: where the training stands.
        batch: returns a batch of inputs and targets.
    """

    def __init__(self, writer: tf.summary.SummaryWriter, update: Update, progress: Progress, batch: Callable):
        super().__init__()
        self._writer = writer
        self._update = update
        self._progress = progress
        self._batch = batch
        self._gradient = tf.function(self._on_replicas, reduce_retracing=True, autograph=False)

    def on_epoch_end(self, epoch, logs=None):
        strategy = tf.distribute.get_strategy()
        batch = self._batch()
        # Every replica computes, whether its process writes or not: the losses are reduced over all of them.
        rows = []
        for index in range(len(self._update.tasks)):
            gradient = self._gradient(batch, tf.one_hot(index, len(self._update.tasks)))
            rows.append(strategy.experimental_local_results(gradient)[0])
        gram = tf.matmul(rows, rows, transpose_b=True).numpy()
        with self._writer.as_default(step=self._progress.update):
            for index, task in enumerate(self._update.tasks):
                # A task without a row in the batch has no gradient, which is not one of zero.
                if gram[index, index] > 0:
                    tf.summary.scalar(f"gradient_norm/{task}", gram[index, index] ** 0.5)
            if self._update.gram is None:
                for name, value in conflict(gram, self._update.tasks).items():
                    tf.summary.scalar(f"gradients/{name}", value)

    def _on_replicas(self, batch, chosen):
        return tf.distribute.get_strategy().run(self._compute, args=(batch, chosen))

    def _compute(self, batch, chosen):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(chosen * self._update.measure(self.model, batch))
        gradients = tape.gradient(loss, trunk_variables(self.model))
        # By each variable of the trunk, in one row; zeros where a task does not reach it.
        found = zip(gradients, trunk_variables(self.model), strict=True)
        return tf.concat([tf.reshape(dense(gradient, variable), [-1]) for gradient, variable in found], axis=0)


def trunk_variables(model: keras.Model) -> Sequence[keras.Variable]:
    """Returns the variables that every task reads through: of the embedding and the encoder."""
    return [
        variable.value for name in ("embedding", "encoder") for variable in model.get_layer(name).trainable_variables
    ]
