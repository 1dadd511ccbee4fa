"""How hard each task pulls at what all share."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tfmtl.training.progress import Progress
from tfmtl.training.update import Update


class GradientNorms(keras.callbacks.Callback):
    """Writes, after each epoch, the norm of each task's unweighted gradient of the shared trunk, on one batch of train.

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
        self._norms = tf.function(self._on_replicas, reduce_retracing=True, autograph=False)

    def on_epoch_end(self, epoch, logs=None):
        strategy = tf.distribute.get_strategy()
        batch = self._batch()
        with self._writer.as_default(step=self._progress.update):
            # Every replica computes, whether its process writes or not: the losses are reduced over all of them.
            for index, task in enumerate(self._update.tasks):
                norm = self._norms(batch, tf.one_hot(index, len(self._update.tasks)))
                tf.summary.scalar(f"gradient_norm/{task}", strategy.experimental_local_results(norm)[0])

    def _on_replicas(self, batch, chosen):
        return tf.distribute.get_strategy().run(self._compute, args=(batch, chosen))

    def _compute(self, batch, chosen):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(chosen * self._update.measure(self.model, batch))
        gradients = tape.gradient(loss, trunk_variables(self.model))
        return tf.linalg.global_norm([tf.convert_to_tensor(gradient) for gradient in gradients if gradient is not None])


def trunk_variables(model: keras.Model) -> Sequence[keras.Variable]:
    """Returns the variables that every task reads through: of the embedding and the encoder."""
    return [
        variable.value for name in ("embedding", "encoder") for variable in model.get_layer(name).trainable_variables
    ]
