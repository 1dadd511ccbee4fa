"""What heads of probabilities have in common: the temperature by which their logits are divided in an answer."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf


class Tempered:
    """The part of a head that keeps a temperature, to be combined with `keras.layers.Layer`.

    Attributes:
        temperature: the divisor of the logits in answers, a float32 scalar; 1 until it is chosen on the validation
            split. The loss, and the logits that a head returns, know nothing of it.
    """

    def add_temperature(self, place: int = 0) -> None:
        """Adds the variable.

        Args:
            place: the number of other variables that the layer has itself.
        """
        one = keras.initializers.Constant(1.0)
        self._place_of_temperature = place
        self.temperature = self.add_weight((), one, dtype="float32", trainable=False, name="temperature")

    def load_own_variables(self, store: Mapping[str, Any]):
        """Loads the variables; a file that was written when heads had no temperature leaves it at 1."""
        found = {key: store[key] for key in store.keys()}  # noqa: SIM118 - Keras' store of a file is no mapping
        super().load_own_variables({str(self._place_of_temperature): 1.0, **found})


def with_temperature(logits: tf.Tensor, head: keras.layers.Layer) -> tf.Tensor:
    """Returns logits, float32 `[batch, ...]`, divided by the temperature of their head, in graph.

    A head that was saved when heads had no temperature may have none.
    """
    temperature = getattr(head, "temperature", None)
    return logits if temperature is None else logits / tf.convert_to_tensor(temperature)
