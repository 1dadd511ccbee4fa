"""A functional Keras model made of a network, whose `fit` can take its step from an update of several tasks."""

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

    `compile` takes an `update`, which knows losses, weights and clipping; see `tfmtl.training.update.Update`. Without
    one, the model is compiled, trained and evaluated as any functional model of Keras. The rest is Keras' own.

    Two methods of Keras are in the way of `MultiWorkerMirroredStrategy` (keras#20585): `_maybe_symbolic_build` reduces
    a nested batch over workers, and logs are reduced along an axis that scalars lack. With an update the first is not
    needed, because a functional model is built already; for the second, logs have rank one where there are several
    workers.

    Attributes:
        network: how the model reads and answers.
        slices: whose batches it takes.
        options: of the network that an experiment asked for; `None` of a model that was loaded or copied.
        update: what makes one step of a batch; `None` where Keras does.
    """

    network: Network
    slices: Sequence[Slice] = ()
    options: ModelOptions | None = None
    update = None

    @classmethod
    def of(cls, network: Network, slices: Sequence[Slice]) -> Self:
        """Returns the model of a network that the batches of slices feed."""
        inputs, outputs = network.functional(slices)
        model = cls(inputs=inputs, outputs=outputs, name="multi_task_model")
        model.network, model.slices = network, tuple(slices)
        return model

    def compile(self, optimizer="rmsprop", *args, update=None, **kwargs):
        """Configures training.

        Args:
            optimizer: as in `keras.Model.compile`; where there is an update it must not clip, because the update does.
            *args: of `keras.Model.compile`.
            update: what makes one step of a batch, instead of Keras' losses.
            **kwargs: of `keras.Model.compile`, such as `loss` or `jit_compile`.
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
            "slices": [asdict(part) for part in self.slices],
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # Their modules register the layers by which a configuration names them.
        for registry in (ENCODERS, SHARING, KINDS):
            list(registry)
        network = Network(Layers.from_config(config["layers"]), config["decoder_of"])
        slices = [Slice(part["tokens"], tuple(part["heads"]), tuple(part["generated"])) for part in config["slices"]]
        return cls.of(network, slices)

    def get_compile_config(self):
        """Returns nothing: losses and weights belong to an experiment, not to the model's file."""
        return {}

    def compile_from_config(self, config):
        """Leaves a loaded model uncompiled."""

    def copy(self, **changes) -> "MultiTaskModel":
        """Returns a model of the same weights whose layers have some keys of their configuration changed."""
        layers = Layers.from_config(self.network.layers.as_config(**changes))
        copy = type(self).of(Network(layers, self.network.decoder_of), self.slices)
        copy.set_weights(self.get_weights())
        return copy

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
        if self.update is None:
            super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)
        elif self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
