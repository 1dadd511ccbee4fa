"""The base of what generates the heads of described tasks."""

from abc import abstractmethod

import keras
from keras import KerasTensor, ops

from tfmtl.models.layers.pooled_head import PooledHead


class HeadGenerator(PooledHead):
    r"""Computes what the outputs of all described tasks with the same labels are made of.

    The weights of a task's output layer are a function of its descriptor z, which is linear in z (Yang and Hospedales
    2015, 2017): :math:`w(z) = \mathcal{W} \times_3 z`. So the outputs for a text x are :math:`\sum_a z_a\, w_a^\top x`,
    and the terms :math:`w_a^\top x` are the same for all tasks: they are computed once. The output layer of a
    `tfmtl.models.layers.described_head.DescribedHead` adds them with the weights of its task's descriptor.

    Args:
        classes: the number of outputs of a task.
        attributes: the length of a descriptor.
        projections: the number of outputs of the layer on pooled states from which the terms are computed.
        **kwargs: the arguments of `PooledHead`, such as `pair` and `pooling`.
    """

    def __init__(self, classes: int, attributes: int, projections: int, **kwargs):
        super().__init__(projections, **kwargs)
        self.classes = classes
        self.attributes = attributes

    def call(self, states, tokens, common=None, training=None) -> KerasTensor:
        """Returns the terms, float32 `[batch, classes, attributes]`; see `PooledHead.call`."""
        projected = super().call(states, tokens, training=training)
        return self.terms(ops.reshape(projected, (-1, self.classes, self.outputs // self.classes)))

    @abstractmethod
    def terms(self, projected: KerasTensor) -> KerasTensor:
        """Returns the terms of projected texts, float32 `[batch, classes, projections / classes]`."""

    def get_config(self):
        config = super().get_config()
        # It follows from the others, and it is itself what the tasks have in common.
        for name in ("outputs", "common"):
            config.pop(name)
        return {**config, "classes": self.classes, "attributes": self.attributes}


def registered(form: type[HeadGenerator]) -> type[HeadGenerator]:
    """Registers a form with Keras, so that models with it can be saved."""
    return keras.saving.register_keras_serializable("tfmtl")(form)
