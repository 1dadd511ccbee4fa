"""Weights of the tasks that a method learns, as logarithms, alongside the model."""

import keras
import tensorflow as tf
from pydantic import Field, model_validator

from tfmtl.balancing.method import LossWeighting
from tfmtl.balancing.per_task import Finite, PerTask, check_per_task
from tfmtl.balancing.solvers.adam import Adam
from tfmtl.core.registry import Options


class LearnedOptions(Options):
    """How the logarithms are learned.

    Attributes:
        initial: the initial logarithm of each task; one number, or a list with one per task.
        learning_rate: the learning rate of the logarithms.
        clamp: the bounds of the logarithms; they keep the weight of a task that the model has memorised from growing
            without bound.
    """

    initial: PerTask = 0.0
    learning_rate: float = Field(0.01, gt=0.0)
    clamp: tuple[Finite, Finite] = (-5.0, 5.0)

    @model_validator(mode="after")
    def _ordered(self):
        if not self.clamp[0] < self.clamp[1]:
            raise ValueError("'clamp' must be a lower and an upper bound")
        return self


class LearnedWeighting(LossWeighting):
    """The base class of weightings whose logarithms descend along their own derivative with Adam, within bounds."""

    logarithms: keras.Variable

    def check(self, tasks):
        check_per_task("initial", self.options.initial, tasks)

    def _make_state(self, count, size, dtype):
        initial = tf.broadcast_to(tf.constant(self.options.initial, dtype), [count])
        initial = tf.clip_by_value(initial, *self.options.clamp)
        self.logarithms = self._variable("logarithms", initial, dtype)
        self._adam = Adam(self.logarithms, self._variable, self.options.learning_rate)

    def _learn(self, derivative: tf.Tensor, present: tf.Tensor) -> None:
        """Takes a descent step; `derivative` is that of the objective with respect to the logarithms, `[tasks]`."""
        self._adam.step(derivative, present)
        self.logarithms.assign(tf.clip_by_value(self.logarithms.value, *self.options.clamp))
