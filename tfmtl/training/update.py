"""An update: losses of all tasks with global denominators, their weighted sum, and clipping after the reduction."""

from collections.abc import Callable, Collection, Mapping, Sequence

import keras
import tensorflow as tf

from tfmtl.balancing.method import Method
from tfmtl.models.network import network_output
from tfmtl.training.accumulation import Accumulation
from tfmtl.training.averaging import WeightAverage
from tfmtl.training.loss_means import LossMeans
from tfmtl.training.losses import TaskLoss
from tfmtl.training.row_gradients import Gradient, RowsSpec, rows_summed, scaled


class Update:
    """Makes one training step from a batch.

    A task's loss is the sum over its labelled rows (tokens, for a summary) divided by their count, both over all
    replicas; a task that is absent from a batch has a loss of zero and no gradient. Gradients are summed over replicas,
    then clipped by their global norm, then applied: one replica and several replicas make the same step from the same
    global batch.

    Args:
        task_losses: the loss of each task, by name.
        balancing: the method that weighs the losses; built for these tasks, in their order.
        clip_norm: the maximum global norm of the gradient; 0 turns clipping off.
        accumulation: the parts in which a batch is read; `None` reads it as a whole.

    Attributes:
        active: float32 variable `[tasks]`: 0 if a task has been stopped, else 1.
        weights: the weights of the losses in the last update, float32 variable `[tasks]`.
        average: the average of the model's weights; `None` if none is kept.
        rows: the positions of the trainable variables whose gradients keep only the rows that a batch has.
        moved: the positions of the trainable variables that the optimizer updates; `None` means all of them.
        losses: the losses of the last update over all replicas, float32 variable `[tasks]`.
        counts: the counts of the last update over all replicas, float32 variable `[tasks]`.
        means: the means of the losses since they were last reset.
        gradient_norm: the norm of the last update's gradient before clipping, float32 variable.
        test_graph: the graph in which `test` was last traced; `None` before that.
        gram: the inner products of the tasks' gradients in the last update, float32 variable `[tasks, tasks]`; `None`
            if the gradient of each task is not known.
    """

    gram: keras.Variable | None = None
    has_static_shapes = True
    """Whether the step's shapes follow from those of the batch, as XLA requires."""
    keeps_rows = True
    """Whether the gradient of an embedding can keep only the rows that a batch has."""

    def __init__(
        self,
        task_losses: Mapping[str, TaskLoss],
        balancing: Method,
        clip_norm: float,
        accumulation: Accumulation | None = None,
    ):
        self.tasks = list(task_losses)
        self.balancing = balancing
        self._task_losses = dict(task_losses)
        self._clip_norm = clip_norm
        self._accumulation = accumulation or Accumulation()
        self.average: WeightAverage | None = None
        self.rows: Collection[int] = ()
        self.moved: Sequence[int] | None = None
        self.active = self._state([1.0] * len(self.tasks), "active_tasks")
        self.weights = self._state([1.0] * len(self.tasks), "task_weights")
        self.losses = self._state([0.0] * len(self.tasks), "task_losses")
        self.counts = self._state([0.0] * len(self.tasks), "task_counts")
        self.gradient_norm = self._state(0.0, "gradient_norm")
        self.means = LossMeans(self.tasks)
        self.test_graph: tf.Graph | None = None

    @property
    def variables(self) -> list[keras.Variable]:
        """The variables that a checkpoint keeps in addition to those of the model and the optimizer."""
        return [self.active, self.weights, *self.balancing.variables, *(self.average.variables if self.average else ())]

    def activate(self, stopped: Collection[str]) -> None:
        """Lets all tasks except the stopped ones train the model."""
        self.active.assign([0.0 if task in stopped else 1.0 for task in self.tasks])

    def train_only(self, tasks: Collection[str]) -> None:
        """Lets only some tasks train the model and have their losses reported; must be called before the first step."""
        self.activate([task for task in self.tasks if task not in tasks])
        self.means.shown = [task for task in self.tasks if task in tasks]

    def train(self, model: keras.Model, batch) -> dict[str, tf.Tensor]:
        """Trains on one replica's part of a batch; returns the running means of the losses."""
        counts = self._count(batch)
        self.counts.assign(counts)
        before = self._measured(model, batch, counts, False) if self.balancing.reads_losses_after else None
        gradients = self._clip(self._gradients(model, batch, counts), model.optimizer)
        self._apply(model, gradients)
        if before is not None:
            present = (counts > 0) & (self.active.value > 0)
            self.balancing.observe(before, self._measured(model, batch, counts, False), present)
        return self._track(self.losses.value, counts)

    def _apply(self, model: keras.Model, gradients: Sequence[Gradient]) -> None:
        # The optimizer sums the gradients over replicas again, although they are the same on all of them.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        moved = range(len(gradients)) if self.moved is None else self.moved
        variables = model.trainable_variables
        model.optimizer.apply([scaled(gradients[k], 1.0 / replicas) for k in moved], [variables[k] for k in moved])
        if self.average is not None:
            self.average.update(model.optimizer.iterations.value)

    def test(self, model: keras.Model, batch) -> dict[str, tf.Tensor]:
        """Measures the losses of one replica's part of a batch; returns their running means."""
        if not tf.executing_eagerly():
            self.test_graph = tf.compat.v1.get_default_graph()
        (inputs, targets), counts = batch, self._count(batch)
        outputs = model(inputs, training=False)
        # The answers as they are served, including those of linear experts.
        served = {task: outputs[task] for task in self.tasks}
        return self._track(all_sum(tf.stack(self._shares_of(self.tasks, targets, served, counts))), counts)

    def measure(self, model: keras.Model, batch) -> tf.Tensor:
        """Returns each task's loss on a batch, without dropout, float32 `[tasks]`; gradients flow through it."""
        return all_sum(tf.stack(self.shares(model, batch)))

    def shares(self, model: keras.Model, batch) -> list[tf.Tensor]:
        """Returns this replica's share of each task's loss on a batch, without dropout; gradients flow through it."""
        return self._shares(model, batch, self._count(batch), False)

    def gradients_by_task(self, model: keras.Model, batch, variables: Sequence[keras.Variable]) -> tf.Tensor:
        """Returns the gradient of each task's loss on a batch, without dropout and weights, over all replicas.

        Args:
            model: the model.
            batch: this replica's part of the inputs and targets.
            variables: the variables by which the losses are differentiated.

        Returns:
            float32 `[tasks, size]`, whose columns are the entries of all variables in turn; zeros where a task does not
            use a variable.
        """
        counts = self._count(batch)
        values = [variable.value for variable in variables]

        def compute(part) -> list[tf.Tensor]:
            with tf.GradientTape(persistent=True) as tape:
                shares = self._shares(model, part, counts, False)
            found = [tape.gradient(share, values) for share in shares]
            return [tf.stack([flat([dense(g, v) for g, v in zip(row, values, strict=True)]) for row in found])]

        size = sum(tf.TensorShape(variable.shape).num_elements() for variable in variables)
        matrix = tf.TensorSpec([len(self.tasks), size], tf.float32)
        return all_sum(self._accumulation.total(batch, compute, [matrix])[0])

    def _gradients(self, model: keras.Model, batch, counts: tf.Tensor) -> list[Gradient]:
        """Returns the gradient of the weighted loss by each variable, over all replicas; stores losses and weights."""
        variables = model.trainable_variables
        weigh = self._weigh(model, batch, counts)

        def compute(part) -> list[Gradient]:
            with tf.GradientTape() as tape:
                shares = tf.stack(self._shares(model, part, counts, True))
                losses = tf.stop_gradient(shares)
                loss = model.optimizer.scale_loss(tf.reduce_sum(shares * weigh(losses)))
            found = zip(tape.gradient(loss, variables), variables, strict=True)
            return [losses, *(g if k in self.rows else dense(g, v) for k, (g, v) in enumerate(found))]

        of_variables = specs(variables, self.rows)
        losses, *gradients = self._accumulation.total(batch, compute, [self._of_tasks(), *of_variables])
        self.losses.assign(all_sum(losses))
        return [rows_summed(g) if k in self.rows else g for k, g in enumerate(all_sum(gradients))]

    def _weigh(self, model: keras.Model, batch, counts: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns the function from a replica's share of the losses to the weights.

        Weights follow from the losses of the whole batch. If it is read in parts, a method that reads losses needs a
        separate pass that measures them first.
        """
        if self._accumulation.parts == 1:
            return lambda losses: self._weights(all_sum(losses), counts)
        losses = tf.zeros(len(self.tasks))
        if self.balancing.reads_losses:
            losses = self._measured(model, batch, counts, True)
        weights = self._weights(losses, counts)
        return lambda _: weights

    def _weights(self, losses: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        weights = self.balancing.weights(losses, (counts > 0) & (self.active.value > 0)) * self.active.value
        self.weights.assign(weights)
        return weights

    def _measured(self, model: keras.Model, batch, counts: tf.Tensor, training: bool) -> tf.Tensor:
        """Returns each task's loss, read in the parts of the accumulation, over all replicas."""

        def compute(part) -> list[tf.Tensor]:
            return [tf.stack(self._shares(model, part, counts, training))]

        return all_sum(self._accumulation.total(batch, compute, [self._of_tasks()])[0])

    def _shares(self, model: keras.Model, batch, counts: tf.Tensor, training: bool) -> list[tf.Tensor]:
        """Returns this replica's share of each task's loss."""
        inputs, targets = batch
        return self._shares_of(self.tasks, targets, model(inputs, training=training), counts)

    def _shares_of(self, tasks: Sequence[str], targets, outputs, counts: tf.Tensor) -> list[tf.Tensor]:
        learned = [outputs.get(network_output(task), outputs[task]) for task in tasks]
        totals = [self._task_losses[task].total(targets[task], of) for task, of in zip(tasks, learned, strict=True)]
        places = [self.tasks.index(task) for task in tasks]
        return [total / tf.maximum(counts[k], 1.0) for k, total in zip(places, totals, strict=True)]

    def _count(self, batch) -> tf.Tensor:
        """Returns the number of each task's rows or tokens with a target, over all replicas, float32 `[tasks]`."""
        return all_sum(tf.stack([self._task_losses[task].count(batch[1][task]) for task in self.tasks]))

    def _clip(self, gradients: list[Gradient], optimizer) -> list[Gradient]:
        scale = optimizer.scale_loss(1.0)
        norm = tf.linalg.global_norm(gradients) / scale
        self.gradient_norm.assign(norm)
        if not self._clip_norm:
            return gradients
        factor = tf.minimum(1.0, self._clip_norm / tf.maximum(norm, 1e-12))
        return [scaled(gradient, factor) for gradient in gradients]

    def _track(self, losses: tf.Tensor, counts: tf.Tensor) -> dict[str, tf.Tensor]:
        self.means.update_state(losses, self.weights.value, counts)
        return self.means.result()

    def _of_tasks(self) -> tf.TensorSpec:
        return tf.TensorSpec([len(self.tasks)], tf.float32)

    @staticmethod
    def _state(value, name: str) -> keras.Variable:
        return keras.Variable(value, trainable=False, dtype="float32", name=name, aggregation="only_first_replica")


def all_sum(value):
    """Sums tensors over all replicas."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def specs(variables: Sequence[keras.Variable], rows: Collection[int] = ()) -> list[tf.TensorSpec | RowsSpec]:
    """The shapes and dtypes of gradients, which are dense except at the positions `rows`."""
    kinds = (RowsSpec if position in rows else tf.TensorSpec for position in range(len(variables)))
    return [
        kind(tf.TensorShape(variable.shape), tf.as_dtype(variable.dtype))
        for kind, variable in zip(kinds, variables, strict=True)
    ]


def dense(gradient, variable) -> tf.Tensor:
    """A dense gradient: repeated ids of an embedding's gradient are summed; a missing gradient is zero."""
    if gradient is None:
        return tf.zeros(variable.shape, variable.dtype)
    # The graph loses the static shape of an embedding's gradient, which is the variable's.
    return tf.ensure_shape(tf.convert_to_tensor(gradient), variable.shape)


def flat(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the concatenation of dense gradients, float32 `[size]`."""
    parts = [tf.reshape(tf.cast(gradient, tf.float32), [-1]) for gradient in gradients]
    return tf.concat(parts, axis=0) if parts else tf.zeros([0])
