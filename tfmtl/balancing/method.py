"""The interface of balancing methods, which either weight losses or combine gradients."""

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

    State (weights, averages, the count of random draws) is held in variables, so that checkpoints contain it and all
    replicas share it. The variables are created by `build`, or at the first call if a method is used alone.

    Args:
        options: the options of the method.

    Attributes:
        options: the options of the method.
        tasks: the tasks, once they are known; a method that is used alone knows only their number.
    """

    scales_heads: ClassVar[bool]
    """Whether a task's weight applies to its own layers as well, and not only to the shared parameters."""
    reads_losses_after: ClassVar[bool] = False
    """Whether `observe` must be called with the losses of the same batch before and after each step."""

    def __init__(self, options: Options):
        self.options = options
        self.tasks: Sequence[Task] | None = None
        self._state: dict[str, keras.Variable] = {}
        self._count: int | None = None

    def check(self, tasks: Sequence[str]) -> None:
        """Raises `ConfigurationError` if the options do not fit the tasks, such as when they name an unknown one."""

    def build(self, count: int, size: int = 0, updates_per_epoch: int = 1, dtype: str = "float32") -> None:
        """Creates the variables.

        Args:
            count: the number of tasks.
            size: the size of the combined gradient.
            updates_per_epoch: the number of updates in an epoch; a method that compares epochs averages over them.
            dtype: the dtype of the variables.

        Raises:
            ConfigurationError: if the number of values of an option differs from the number of tasks.
            ValueError: if the method has been built for a different number of tasks.
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
        """The name under which the method is registered, as in `balancing.method`."""
        return next((entry.name for entry in BALANCING if entry.build is type(self)), type(self).__name__)

    @property
    def variables(self) -> list[keras.Variable]:
        """The variables of the state, in the order of their creation."""
        return list(self._state.values())

    def observe(self, before: tf.Tensor, after: tf.Tensor, present: tf.Tensor | None = None) -> None:
        """Learns from the losses `[tasks]` of the same batch before and after a step, both without dropout."""

    def _make_state(self, count: int, size: int, dtype: str) -> None:
        """Creates the method's own variables with `_variable`."""

    def _floats(self, what: str, values: Any, shape: str) -> tf.Tensor:
        """Returns `values` as a tensor.

        Raises:
            ValueError: if it is neither float32 nor float64, does not have the axes that `shape` names, or is empty.
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
    """The base class of methods that weight the loss of each task; the update is the gradient of the weighted sum."""

    scales_heads = True
    reads_losses: ClassVar[bool] = True
    """Whether the weights or the state depend on the losses of the step."""

    def weights(self, losses: tf.Tensor, present: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the weights of the losses of this step, and updates the state.

        Args:
            losses: the losses of all tasks on the whole batch, float `[tasks]`; no gradient flows through them.
            present: whether each task has a row in the batch, bool `[tasks]`; all tasks have one if `None`. The loss
                of an absent task is zero, its weight has no meaning, and its state does not change.

        Returns:
            The derivative of the objective with respect to each loss, `[tasks]`, in the dtype of the losses.
        """
        losses = tf.stop_gradient(self._floats("losses", losses, "[tasks]"))
        self.build(losses.shape[0], dtype=losses.dtype.name)
        present = self._of_tasks("present", tf.ones(losses.shape, tf.bool) if present is None else present)
        is_finite = tf.reduce_all(tf.math.is_finite(losses) | ~present)
        # A loss that is not finite ends the training, or its update is skipped; the state must not learn from it.
        weights = self._weights(tf.where(is_finite, losses, tf.ones_like(losses)), present & is_finite)
        weights = tf.cast(weights, losses.dtype)
        return tf.where(is_finite, weights, tf.fill(losses.shape, tf.constant(float("nan"), losses.dtype)))

    @abstractmethod
    def _weights(self, losses: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """Computes `weights`; the state exists, and `present` is a tensor."""


class GradientCombination(Method, ABC):
    """The base class of methods that combine the tasks' gradients with respect to the shared parameters.

    A head follows the unweighted loss of its own task.
    """

    scales_heads = False

    def aggregate(
        self, gradients: tf.Tensor, losses: tf.Tensor | None = None, present: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the combined gradient `[size]`.

        Args:
            gradients: the gradients of the unweighted losses over all replicas, float32 or float64 `[tasks, size]`.
            losses: the losses, float `[tasks]`, which some methods read; ones if `None`.
            present: whether each task has a row in the batch, bool `[tasks]`; all tasks have one if `None`. An absent
                task is ignored, as if it did not exist.
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
        """Does what `combine` does; if a gradient is not finite, returns NaN and leaves the state unchanged."""
        is_finite = tf.reduce_all(tf.math.is_finite(gradients))
        gradients = tf.where(is_finite, gradients, tf.zeros_like(gradients))
        combined, weights = self.combine(gradients, losses, present & is_finite)
        return tf.where(is_finite, combined, tf.constant(float("nan"), combined.dtype)), weights

    @abstractmethod
    def combine(self, gradients: tf.Tensor, losses: tf.Tensor, present: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the combined gradient `[size]` and the weight of each task in it, `[tasks]`, ones if undefined.

        Args:
            gradients: the gradients `[tasks, size]`; rows of absent tasks are zero.
            losses: the losses `[tasks]`, in the same dtype.
            present: whether each task is present, bool `[tasks]`.
        """


class GramOptions(Options):
    """The option of all methods that read only the inner products of gradients.

    Attributes:
        gradients_of: the variables of the derivatives: the shared `parameters`, or the shared `representation`, which
            costs only a backward pass through the heads.
    """

    gradients_of: Literal["parameters", "representation"] = "parameters"


class GramCombination(GradientCombination):
    """The base class of combinations whose weights depend only on the inner products of the gradients."""

    def combine(self, gradients, losses, present):
        gram = tf.matmul(gradients, gradients, transpose_b=True)
        # The products of finite gradients may overflow; no solver is called with those.
        is_finite = tf.reduce_all(tf.math.is_finite(gram))
        weights = self.weights_of(tf.where(is_finite, gram, tf.zeros_like(gram)), losses, present & is_finite)
        weights = tf.where(is_finite, weights, tf.constant(float("nan"), weights.dtype))
        return tf.linalg.matvec(gradients, weights, transpose_a=True), weights

    def weights_of(self, gram: tf.Tensor, losses: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """Returns the weight of each gradient in the combined one, in the dtype of `gram`; zero for an absent task."""
        # The dtype of the products determines the precision at which rows count as linearly dependent.
        self._precision = float(np.finfo(gram.dtype.as_numpy_dtype).eps)
        weights = self.task_weights(tf.cast(gram, tf.float64), tf.cast(losses, tf.float64), present)
        return tf.cast(tf.where(present, weights, tf.zeros_like(weights)), gram.dtype)

    @abstractmethod
    def task_weights(self, gram: tf.Tensor, losses: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """Returns the weight of each gradient in the combined one, float64 `[tasks]`.

        Args:
            gram: the inner products, float64 `[tasks, tasks]`; rows and columns of absent tasks are zero.
            losses: the losses, float64 `[tasks]`.
            present: whether each task is present, bool `[tasks]`.
        """
