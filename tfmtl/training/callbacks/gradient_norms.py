"""How hard each task pulls at what all share."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tfmtl.training.progress import Progress
from tfmtl.training.run_folder import RunFolder
from tfmtl.training.update import Update


class GradientNorms(keras.callbacks.Callback):
    """Writes, after each epoch, the norm of each task's unweighted gradient of the shared trunk, on one batch of train.

    One traced function serves all tasks: which of them counts is a tensor.

    Args:
        run: where to.
        update: computes the losses.
        progress: where the training stands.
        batch: returns a batch of inputs and targets.
        writes: whether this process writes the run folder.
    """

    def __init__(self, run: RunFolder, update: Update, progress: Progress, batch: Callable, writes: bool):
        super().__init__()
        self._run = run
        self._update = update
        self._progress = progress
        self._batch = batch
        self._writes = writes
        self._norms = tf.function(self._on_replicas, reduce_retracing=True, autograph=False)

    def on_epoch_end(self, epoch, logs=None):
        strategy = tf.distribute.get_strategy()
        batch = self._batch()
        norms = {}
        for index, task in enumerate(self._update.tasks):
            chosen = tf.one_hot(index, len(self._update.tasks))
            norms[task] = self._norms(batch, chosen)
        if not self._writes:
            return
        with tf.summary.create_file_writer(str(self._run.tensorboard)).as_default(step=self._progress.update):
            for task, norm in norms.items():
                tf.summary.scalar(f"gradient_norm/{task}", strategy.experimental_local_results(norm)[0])

    def _on_replicas(self, batch, chosen):
        return tf.distribute.get_strategy().run(self._compute, args=(batch, chosen))

    def _compute(self, batch, chosen):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(chosen * self._update.task_losses(self.model, batch))
        gradients = tape.gradient(loss, trunk_variables(self.model))
        return tf.linalg.global_norm([tf.convert_to_tensor(gradient) for gradient in gradients if gradient is not None])


def trunk_variables(model: keras.Model) -> Sequence[keras.Variable]:
    """Returns the variables that every task reads through: of the embedding and the encoder."""
    return [
        variable.value for name in ("embedding", "encoder") for variable in model.get_layer(name).trainable_variables
    ]
