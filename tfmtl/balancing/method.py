"""What every balancing method has, whether it weighs losses or combines gradients."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf

from tfmtl.core.registry import BALANCING, Options
from tfmtl.kinds.task import Task


class Method:
    """Turns the losses or the gradients of several tasks into one update.

    State (weights, averages, the count behind random draws) lives in variables, so that a checkpoint holds it and every
    replica has the same. They are made by `build`, or at the first call where a method is used alone.

    Args:
        options: of the method.

    Attributes:
        options: of the method.
        tasks: the tasks, once they are known; a method that is used alone knows only their number.
    """

    scales_heads: ClassVar[bool]
    """Whether a task's weight multiplies its loss in its own layers too, or in the shared parameters alone."""
    reads_losses_after: ClassVar[bool] = False
    """Whether `observe` must be told the losses of the same batch before and after the step."""

    def __init__(self, options: Options):
        self.options = options
        self.tasks: Sequence[Task] | None = None
        self._state: dict[str, keras.Variable] = {}
        self._count: int | None = None

    def check(self, tasks: Sequence[str]) -> None:
        """Raises `ConfigurationError` where the options name a task that there is not."""

    def build(self, count: int, size: int = 0, updates_per_epoch: int = 1, dtype: str = "float32") -> None:
        """Makes the variables.

        Args:
            count: of tasks.
            size: of the combined gradient.
            updates_per_epoch: of the training; the steps over which a method that compares epochs takes its means.
            dtype: of the variables.

        Raises:
            ConfigurationError: where an option has another number of values than there are tasks.
            ValueError: where the method has been built for another number of tasks.
        """
        if self._count is None:
            self.check([task.name for task in self.tasks] if self.tasks else [f"task {k}" for k in range(count)])
            self._count = count
            self._updates_per_epoch = updates_per_epoch
            self._make_state(count, size, dtype)
        elif count != self._count:
            raise ValueError(f"{self.name}: expected {self._count} tasks, as before, found {count}")

    @property
    def name(self) -> str:
        """As in `balancing.method`."""
        return next((entry.name for entry in BALANCING if entry.build is type(self)), type(self).__name__)

    @property
    def variables(self) -> list[keras.Variable]:
        """The state, in the order in which it was made."""
        return list(self._state.values())

    def observe(self, before: tf.Tensor, after: tf.Tensor, present: tf.Tensor | None = None) -> None:
        """Learns from the losses of one batch before and after the step, both `[tasks]`, without dropout."""

    def _make_state(self, count: int, size: int, dtype: str) -> None:
        """Makes the method's own variables by `_variable`."""

    def _floats(self, what: str, values: Any, shape: str) -> tf.Tensor:
        """Returns a tensor of as many axes as `shape` names, none of them empty.

        Raises:
            ValueError: where it is another.
        """
        values = tf.convert_to_tensor(values)
        axes = shape.count(",") + 1
        if values.dtype not in (tf.float32, tf.float64) or values.shape.rank != axes or 0 in values.shape:
            found = f"{values.dtype.name} {values.shape.as_list()}"
            raise ValueError(f"{self.name}: {what}: expected float32 or float64 {shape}, found {found}")
        return values

    def _of_tasks(self, what: str, values: Any) -> tf.Tensor:
        values = tf.convert_to_tensor(values)
        if values.shape.as_list() != [self._count]:
            found = values.shape.as_list()
            raise ValueError(f"{self.name}: {what}: expected one for each of {self._count} tasks, found {found}")
        return values

    def _variable(self, name: str, value: Any, dtype: str) -> keras.Variable:
        self._state[name] = keras.Variable(
            value, trainable=False, dtype=dtype, name=name, aggregation="only_first_replica"
        )
        return self._state[name]


class LossWeighting(Method, ABC):
    """A method that gives each task's loss a weight; its update is the gradient of the weighted sum."""

    scales_heads = True
    reads_losses: ClassVar[bool] = True
    """Whether the weights of a step, or the state, depend on its losses."""

    def weights(self, losses: tf.Tensor, present: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the weights of this step's losses, and lets the state learn from them.

        Args:
            losses: of all tasks on the whole batch, float `[tasks]`; no gradient flows through them.
            present: bool `[tasks]`: which tasks have a row in the batch; all of them where it is `None`. The loss of
                an absent task is zero; its weight means nothing, and its state stays as it is.

        Returns:
            The derivative of the objective by each loss, `[tasks]`, in the dtype of the losses.
        """
        losses = tf.stop_gradient(self._floats("losses", losses, "[tasks]"))
        self.build(losses.shape[0], dtype=losses.dtype.name)
        present = self._of_tasks("present", tf.ones(losses.shape, tf.bool) if present is None else present)
        is_finite = tf.reduce_all(tf.math.is_finite(losses) | ~present)
        # From a loss that is no number, with which a training ends or an update is skipped, nothing is learned.
        weights = self._weights(tf.where(is_finite, losses, tf.ones_like(losses)), present & is_finite)
        weights = tf.cast(weights, losses.dtype)
        return tf.where(is_finite, weights, tf.fill(losses.shape, tf.constant(float("nan"), losses.dtype)))

    @abstractmethod
    def _weights(self, losses: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """As `weights`; the state is made, and `present` is given."""


class GradientCombination(Method, ABC):
    """A method that combines the tasks' gradients of the shared parameters; a head follows its own unweighted loss."""

    scales_heads = False

    def aggregate(
        self, gradients: tf.Tensor, losses: tf.Tensor | None = None, present: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the combined gradient `[size]`.

        Args:
            gradients: of the unweighted losses, float32 or float64 `[tasks, size]`, over all replicas.
            losses: float `[tasks]`; ones where it is `None`. Some methods read them.
            present: bool `[tasks]`: which tasks have a row in the batch; all of them where it is `None`. An absent
                task takes no part, as if it were not there.
        """
        gradients = self._floats("gradients", gradients, "[tasks, size]")
        count, size = gradients.shape
        self.build(count, size, dtype=gradients.dtype.name)
        losses = tf.cast(self._of_tasks("losses", tf.ones([count]) if losses is None else losses), gradients.dtype)
        present = self._of_tasks("present", tf.ones([count], tf.bool) if present is None else present)
        return self.combine_finite(tf.where(present[:, None], gradients, 0.0), losses, present)[0]

    def combine_finite(
        self, gradients: tf.Tensor, losses: tf.Tensor, present: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `combine`; but NaN, and nothing is learned, where a gradient is not finite."""
        is_finite = tf.reduce_all(tf.math.is_finite(gradients))
        gradients = tf.where(is_finite, gradients, tf.zeros_like(gradients))
        combined, weights = self.combine(gradients, losses, present & is_finite)
        return tf.where(is_finite, combined, tf.constant(float("nan"), combined.dtype)), weights

    @abstractmethod
    def combine(self, gradients: tf.Tensor, losses: tf.Tensor, present: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the combined gradient `[size]`, and each task's weight `[tasks]` in it, ones where there is no such.

        Args:
            gradients: `[tasks, size]`; rows of absent tasks are zero.
            losses: `[tasks]`, of the same dtype.
            present: bool `[tasks]`.
        """


class GramOptions(Options):
    """Options of every method that reads inner products of gradients alone.

    Attributes:
        gradients_of: what the gradients are by: the shared `parameters`, or the shared `representation`, which costs a
            backward pass through the heads alone.
    """

    gradients_of: Literal["parameters", "representation"] = "parameters"


class GramCombination(GradientCombination):
    """A combination whose weights follow from the inner products of the gradients alone."""

    def combine(self, gradients, losses, present):
        gram = tf.matmul(gradients, gradients, transpose_b=True)
        # Finite gradients may have products that are not: no solver is asked about those.
        is_finite = tf.reduce_all(tf.math.is_finite(gram))
        weights = self.weights_of(tf.where(is_finite, gram, tf.zeros_like(gram)), losses, present & is_finite)
        weights = tf.where(is_finite, weights, tf.constant(float("nan"), weights.dtype))
        return tf.linalg.matvec(gradients, weights, transpose_a=True), weights

    def weights_of(self, gram: tf.Tensor, losses: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """Returns how much of each gradient is in the combined one, zero for an absent task, in the dtype of `gram`."""
        # Which rows depend on each other is decided by the rounding of the products as they come.
        self._precision = float(np.finfo(gram.dtype.as_numpy_dtype).eps)
        weights = self.task_weights(tf.cast(gram, tf.float64), tf.cast(losses, tf.float64), present)
        return tf.cast(tf.where(present, weights, tf.zeros_like(weights)), gram.dtype)

    @abstractmethod
    def task_weights(self, gram: tf.Tensor, losses: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """Returns float64 `[tasks]`: how much of each gradient is in the combined one.

        Args:
            gram: inner products, float64 `[tasks, tasks]`; rows and columns of absent tasks are zero.
            losses: float64 `[tasks]`.
            present: bool `[tasks]`.
        """
