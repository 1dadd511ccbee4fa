"""A functional Keras model whose `fit` takes its step from an update of several tasks, on any number of replicas."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfmtl")
class MultiTaskModel(keras.Model):
    """A functional model with dict inputs and outputs, keyed by task.

    `compile` takes an `update`, which knows losses, weights and clipping; see `tfmtl.training.update.Update`. The rest
    of `fit`, `evaluate` and saving is Keras' own.

    Two methods of Keras stand in the way of `MultiWorkerMirroredStrategy` (keras#20585): `_maybe_symbolic_build`
    reduces a nested batch over workers, and logs are reduced along an axis that scalars lack. Here the first is not
    needed, because a functional model is built already; for the second, logs have rank one where workers are several.
    """

    update = None

    def compile(self, optimizer, update, **kwargs):
        """Configures training.

        Args:
            optimizer: a Keras optimizer; it must not clip, the update does.
            update: what makes one step of a batch.
            **kwargs: of `keras.Model.compile`, such as `jit_compile`, `steps_per_execution`.
        """
        super().compile(optimizer=optimizer, **kwargs)
        self.update = update

    @property
    def metrics(self):
        return [self.update.means] if self.update is not None else []

    def train_step(self, data):
        return self._as_logs(self.update.train(self, data))

    def test_step(self, data):
        return self._as_logs(self.update.test(self, data))

    def get_compile_config(self):
        """Returns nothing: losses and weights belong to an experiment, not to the model's file."""
        return {}

    def compile_from_config(self, config):
        """Leaves a loaded model uncompiled."""

    def save_without_optimizer(self, path):
        """Saves the model alone, in the format of Keras, a third as large as with the state of its optimizer.

        Keras' own `include_optimizer` does nothing in this format; and where it saves an optimizer it makes a variable,
        for which one worker out of several would wait for the others.
        """
        optimizer, self.optimizer = self.optimizer, None
        try:
            self.save(path)
        finally:
            self.optimizer = optimizer

    def _as_logs(self, logs):
        several_workers = isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy)
        return {name: tf.reshape(value, [1]) for name, value in logs.items()} if several_workers else logs

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
