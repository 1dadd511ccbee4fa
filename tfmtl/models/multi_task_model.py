"""A functional Keras model built from a network, whose `fit` can use a multi-task update as its training step."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Self

import keras
import tensorflow as tf

from tfmtl.config.options import ModelOptions
from tfmtl.core.registry import ENCODERS, KINDS, SHARING
from tfmtl.data.tables import Slice
from tfmtl.models.network import Layers, Network


@keras.saving.register_keras_serializable("tfmtl")
class MultiTaskModel(keras.Model):
    """A functional model with dict inputs and outputs, keyed by task.

    `compile` takes an `update`, which holds the losses, weights and clipping; see `tfmtl.training.update.Update`.
    Without one, the model is compiled, trained and evaluated like any functional model of Keras. Everything else is
    Keras' own.

    Two parts of Keras do not work with `MultiWorkerMirroredStrategy` (keras#20585): `_maybe_symbolic_build` reduces a
    nested batch over workers, and logs are reduced along an axis that scalars lack. With an update the first is not
    needed, because a functional model is already built; for the second, logs have rank one if there are several
    workers.

    Attributes:
        network: the layers of the model, and the way that texts run through them.
        slices: the slices whose batches the model takes.
        options: the network's options as given by the experiment; `None` for a model that was loaded or copied.
        update: the training step for a batch; `None` means Keras' own.
    """

    network: Network
    slices: Sequence[Slice] = ()
    options: ModelOptions | None = None
    update = None

    @classmethod
    def of(cls, network: Network, slices: Sequence[Slice]) -> Self:
        """Returns the model of a network for batches of the given slices."""
        inputs, outputs = network.functional(slices)
        model = cls(inputs=inputs, outputs=outputs, name="multi_task_model")
        model.network, model.slices = network, tuple(slices)
        network.layers.sharing.trunk.freeze(network.layers.embedding)
        return model

    def compile(self, optimizer="rmsprop", *args, update=None, **kwargs):
        """Configures training.

        Args:
            optimizer: as in `keras.Model.compile`; with an update it must not clip, because the update does.
            *args: further arguments of `keras.Model.compile`.
            update: the training step for a batch, which replaces Keras' losses.
            **kwargs: keyword arguments of `keras.Model.compile`, such as `loss` or `jit_compile`.
        """
        super().compile(optimizer, *args, **kwargs)
        self.update = update

    @property
    def metrics(self):
        return super().metrics if self.update is None else [self.update.means]

    def train_step(self, data):
        return super().train_step(data) if self.update is None else self._as_logs(self.update.train(self, data))

    def test_step(self, data):
        return super().test_step(data) if self.update is None else self._as_logs(self.update.test(self, data))

    def get_config(self):
        return {
            "name": self.name,
            "layers": self.network.layers.as_config(),
            "decoder_of": self.network.decoder_of,
            "instructions": self.network.instructions,
            "slices": [asdict(part) for part in self.slices],
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # Listing a registry imports its modules, which register the layers that a configuration names.
        for registry in (ENCODERS, SHARING, KINDS):
            list(registry)
        layers = Layers.from_config(config["layers"])
        network = Network(layers, config["decoder_of"], config.get("instructions"))
        slices = [Slice(part["tokens"], tuple(part["heads"]), tuple(part["generated"])) for part in config["slices"]]
        return cls.of(network, slices)

    def get_compile_config(self):
        """Returns nothing: losses and weights belong to an experiment, not to the model file."""
        return {}

    def compile_from_config(self, config):
        """Leaves a loaded model uncompiled."""

    def copy(self, **changes) -> "MultiTaskModel":
        """Returns a model with the same weights, in whose layers' configurations some keys are changed."""
        layers = Layers.from_config(self.network.layers.as_config(**changes))
        network = Network(layers, self.network.decoder_of, self.network.instructions)
        copy = type(self).of(network, self.slices)
        copy.set_weights(self.get_weights())
        return copy

    def save_without_optimizer(self, path):
        """Saves the model in the Keras format without its optimizer's state; the file is a third as large.

        Keras' own `include_optimizer` has no effect in this format. Saving an optimizer also creates a variable, for
        which one worker out of several would wait for the others.
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
        if self.update is None:
            super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)
        elif self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
