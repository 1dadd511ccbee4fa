"""An exponential moving average of the weights."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf


class WeightAverage:
    r"""Keeps the average of variables over the updates, which is validated, kept as the best model, and served.

    After update t, :math:`a \leftarrow a + (1 - m_t)(w - a)` with :math:`m_t = \min(m, (1 + t) / (10 + t))`, so that
    the first updates are soon forgotten. Keras' own `use_ema` writes the average into the model whenever a `fit` ends,
    even one that ends in the middle of a resumed training; this one never touches the trained variables.

    Args:
        variables: the Keras variables of a model.
        momentum: m, below 1.
        value_of: a function that returns the value of one of them in a step.

    Attributes:
        variables: the averages, in the same order.
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        momentum: float,
        value_of: Callable[[keras.Variable], tf.Tensor] = lambda variable: variable.value,
    ):
        self._trained = list(variables)
        self._momentum = momentum
        self._value_of = value_of
        self.variables = [
            keras.Variable(
                variable.numpy(),
                trainable=False,
                dtype=variable.dtype,
                name=f"{variable.name}_average",
                aggregation="only_first_replica",
            )
            for variable in self._trained
        ]

    def update(self, iterations: tf.Tensor) -> None:
        """Adds the variables after an update to the averages, on every replica.

        Args:
            iterations: the number of updates made, including this one.
        """
        count = tf.cast(iterations, tf.float32)
        share = 1.0 - tf.minimum(self._momentum, (1.0 + count) / (10.0 + count))
        for average, variable in zip(self.variables, self._trained, strict=True):
            average.assign_add(tf.cast(share, average.dtype) * (self._value_of(variable) - average.value))

    def swap(self) -> None:
        """Exchanges the averages and the trained weights."""
        for average, variable in zip(self.variables, self._trained, strict=True):
            trained, averaged = variable.numpy(), average.numpy()
            variable.assign(averaged)
            average.assign(trained)
