"""AdamW that updates only those rows of the embedding that a batch has."""

from collections.abc import Collection, Mapping

import keras
import tensorflow as tf

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.private_api import moments, optimized_variables, variable_index
from tfmtl.core.registry import OPTIMIZERS
from tfmtl.training.optimizers.adamw import AdamW, AdamWOptions
from tfmtl.training.row_gradients import rows_of_entries


class LazyAdamWOptions(AdamWOptions):
    """Options of lazy AdamW, which are those of AdamW."""


@keras.saving.register_keras_serializable("tfmtl")
class LazyAdamW(AdamW):
    """AdamW whose updates of an embedding cost as much as the rows that a batch has.

    Known as `LazyAdam` in TensorFlow Addons and `SparseAdam` in PyTorch. All variables but those of `rows` are updated
    as by `AdamW`, to the bit. For a row of these that a batch has, with g the sum of its gradients and k the number of
    updates since it was last in one,

        w <- w prod (1 - rate_s decay)   over these k updates and the current one
        m <- beta_1 m + (1 - beta_1) g
        v <- beta_2 v + (1 - beta_2) g^2
        w <- w - rate_t sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    A row that the batch does not have stays as it is. This differs from AdamW in three ways:

    - Moments do not decay in updates without the row, and such updates do not move it: AdamW goes on moving it by what
      is left of its momentum, for some 10 updates. The bias correction counts all updates, as AdamW's does.
    - Weight decay of the k updates is applied late, but in full, whatever the learning rates were. Until then, the
      model reads the row without it, a relative difference of at most k times rate times decay.
    - The row of a token with a gradient of zero, such as padding, is one that the batch has.

    If every update has all rows, the numbers are those of AdamW to the bit. `catch_up` applies all decay that is due;
    it is called before each validation, so that the best model has it. A checkpoint within an epoch keeps what is due.

    Args:
        learning_rate, decay, rates: as for `AdamW`; the product of rate and decay must be below 1.
        rows: the paths of the variables, `[rows, ...]`, to update by rows.
        **kwargs: the arguments of `keras.optimizers.Adam`.
    """

    def __init__(
        self,
        learning_rate=1e-3,
        decay: float = 0.01,
        rates: Mapping[str, float] | None = None,
        rows: Collection[str] = (),
        **kwargs,
    ):
        super().__init__(learning_rate, decay, rates, **kwargs)
        self.rows = tuple(rows)

    def build(self, variables):
        super().build(variables)
        self._by_rows = [variable.path in self.rows for variable in variables]
        # The log of the product of all updates' factors, and its value when each row was last up to date. In float32,
        # adding up many small numbers would be wrong by more than they are.
        self._decayed: list = [None] * len(variables)
        self._decayed_rows: list = [None] * len(variables)
        for index, variable in enumerate(variables):
            if self._by_rows[index] and self._decay_of[index]:
                self._decayed[index] = self._log_slot((), f"{variable.name}_decay")
                self._decayed_rows[index] = self._log_slot(variable.shape[:1], f"{variable.name}_decay_of_rows")

    def _log_slot(self, shape, name: str) -> keras.Variable:
        return self.add_variable(tuple(shape), dtype="float64", name=name)

    def update_step(self, gradient, variable, learning_rate):
        index = variable_index(self, variable)
        if not self._by_rows[index]:
            super().update_step(gradient, variable, learning_rate)
            return
        if not isinstance(gradient, tf.IndexedSlices):
            # A whole gradient has all rows.
            gradient = tf.IndexedSlices(gradient, tf.range(tf.shape(variable)[0]), tf.shape(variable))
        self._update_rows(index, variable, gradient, learning_rate)

    def _update_rows(self, index: int, variable: tf.Variable, gradient: tf.IndexedSlices, learning_rate) -> None:
        """Updates the rows that a gradient has; the entries of a row all write the same values."""
        rate, step = self._of_replica(learning_rate, index)
        places, entries = gradient.indices, rows_of_entries(gradient)
        # In the order of `AdamW.update_step`, to round alike.
        values = tf.gather(variable, places)
        if self._decay_of[index]:
            values *= self._due(index, places, values)
            values -= values * (self._decay_of[index] * rate)
            self._count_decay(index, places, rate)
        momentum, velocity = (tf.gather(moment.value, places) for moment in moments(self, index))
        momentum += (entries - momentum) * (1 - tf.constant(self.beta_1))
        velocity += (tf.square(entries) - velocity) * (1 - tf.constant(self.beta_2))
        values -= momentum * step / (tf.sqrt(velocity) + self.epsilon)
        for target, rows in zip((variable, *moments(self, index)), (values, momentum, velocity), strict=True):
            self.assign(target, tf.IndexedSlices(rows, places))

    def _due(self, index: int, places: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
        """Returns the factor of each row for the updates that did not have it, broadcast to the shape of `like`."""
        factors = tf.exp(self._decayed[index].value - tf.gather(self._decayed_rows[index].value, places))
        return tf.cast(tf.reshape(factors, [-1] + [1] * (like.shape.rank - 1)), like.dtype)

    def _count_decay(self, index: int, places: tf.Tensor, rate: tf.Tensor) -> None:
        share = tf.cast(self._decay_of[index] * rate, tf.float64)
        decayed = self._decayed[index].value + tf.math.log1p(-share)
        self.assign(self._decayed[index], decayed)
        self.assign(self._decayed_rows[index], tf.IndexedSlices(tf.fill(tf.shape(places), decayed), places))

    def up_to_date(self, variable: keras.Variable) -> tf.Tensor:
        """Returns the value of a variable with all weight decay that is due, in the shape of the variable."""
        index = variable_index(self, variable)
        if self._decayed[index] is None:
            return tf.convert_to_tensor(variable.value)
        value = tf.convert_to_tensor(variable.value)
        return value * self._due(index, tf.range(variable.shape[0]), value)

    def catch_up(self) -> None:
        """Applies all weight decay that is due; not to be called within a step."""
        variables = optimized_variables(self)
        for variable, decayed, of_rows in zip(variables, self._decayed, self._decayed_rows, strict=True):
            if decayed is not None:
                variable.assign(self.up_to_date(variable))
                decayed.assign(0.0)
                of_rows.assign(tf.zeros(of_rows.shape, of_rows.dtype))

    def get_config(self):
        return {**super().get_config(), "rows": self.rows}


@OPTIMIZERS.register("lazy_adamw", options=LazyAdamWOptions)
def lazy_adamw(learning_rate, weight_decay: float, rates: Mapping[str, float], options: LazyAdamWOptions) -> LazyAdamW:
    """AdamW that updates only the rows of the embedding that a batch has (`LazyAdam`, `SparseAdam`)."""
    if learning_rate.peak * weight_decay >= 1.0:
        raise ConfigurationError(
            f"training.weight_decay: times the learning rate it must be below 1, found {weight_decay} * "
            f"{learning_rate.peak}"
        )
    return LazyAdamW(learning_rate, weight_decay, rates, **options.model_dump())
