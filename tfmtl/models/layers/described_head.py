"""The head of a described task, which is generated from its descriptor."""

from collections.abc import Sequence

import keras
from keras import KerasTensor, ops


class DescribedHead(keras.layers.Layer):
    """The output layer of a task whose weights follow from its descriptor.

    Args:
        outputs: the number of outputs for a text.
        descriptor: the values of the task's attributes; the last one is that which all tasks have.
        common: the name of the generator of the task's weights, a `tfmtl.models.descriptors.generator.HeadGenerator`.
    """

    def __init__(self, outputs: int, descriptor: Sequence[float], common: str, **kwargs):
        # The terms are float32, in which they are added.
        super().__init__(autocast=False, **kwargs)
        self.outputs = outputs
        self.descriptor = tuple(descriptor)
        self.common = common

    def build(self, states_shape, tokens_shape=None, common_shape=None):
        """Adds no weights: subclasses do, as those of heads with weights of their own."""

    def call(self, states, tokens, common, training=None) -> KerasTensor:
        """Returns float32 `[batch, outputs]`.

        Args:
            states: the states of the trunk, which the generator has read.
            tokens: ids of the source, likewise.
            common: the terms from the generator, float32 `[batch, outputs, attributes]`.
            training: without effect.
        """
        return ops.matmul(common, ops.convert_to_tensor(self.descriptor, "float32")[:, None])[..., 0]

    def get_config(self):
        config = {"outputs": self.outputs, "descriptor": list(self.descriptor), "common": self.common}
        return {**super().get_config(), **config}
