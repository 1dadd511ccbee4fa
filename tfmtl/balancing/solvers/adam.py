"""The Adam optimizer for the values that a method learns (Kingma and Ba 2015)."""

import math

import keras
import tensorflow as tf

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """Optimizes one variable with a value for each task; the moments are variables of the method.

    The optimizer of the model, its weight decay and its learning rate schedule never affect these values.

    Args:
        variable: the variable to optimize, `[tasks]`.
        make_variable: a function `make_variable(name, value, dtype)` that creates a variable of the method.
        learning_rate: the learning rate of all steps.
    """

    def __init__(self, variable: keras.Variable, make_variable, learning_rate: float):
        self._variable = variable
        self._learning_rate = learning_rate
        zeros = tf.zeros(variable.shape, variable.dtype)
        self._first = make_variable("first_moment", zeros, variable.dtype)
        self._second = make_variable("second_moment", zeros, variable.dtype)
        self._steps = make_variable("steps", tf.zeros(variable.shape, tf.int32), "int32")

    def step(self, gradient: tf.Tensor, present: tf.Tensor) -> None:
        """Updates the variable and the moments.

        Args:
            gradient: the gradient of the objective, `[tasks]`.
            present: whether each task is present, bool `[tasks]`; values, moments and counts of absent tasks do not
                change.
        """
        gradient = tf.cast(gradient, self._variable.dtype)
        steps = self._steps.value + tf.cast(present, tf.int32)
        first = _BETA_1 * self._first.value + (1.0 - _BETA_1) * gradient
        second = _BETA_2 * self._second.value + (1.0 - _BETA_2) * gradient**2
        count = tf.cast(tf.maximum(steps, 1), gradient.dtype)
        # 1 - beta^t without the loss of digits that float32 would have for small t.
        first_share, second_share = (-tf.math.expm1(count * math.log(beta)) for beta in (_BETA_1, _BETA_2))
        size = tf.sqrt(second / second_share) + _EPSILON
        moved = self._variable.value - self._learning_rate * first / first_share / size
        for variable, value in ((self._variable, moved), (self._first, first), (self._second, second)):
            variable.assign(tf.where(present, value, variable.value))
        self._steps.assign(steps)
