"""One update: losses of all tasks with global denominators, their weighted sum, clipping after the reduction."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from tfmtl.balancing.method import Method
from tfmtl.training.averaging import WeightAverage
from tfmtl.training.losses import LossTerms


class Update:
    """Makes one step of a batch.

    A task's loss is the sum over its labelled rows (pieces, for a summary) divided by their count, both over all
    replicas; a task that is absent from a batch has a loss of zero and no gradient. Gradients are summed over replicas,
    then clipped by their global norm, then applied: one replica and several make the same step of the same
    global batch.

    Args:
        terms: each task's loss, by name.
        balancing: what weighs the losses; built for these tasks, in their order.
        clip_norm: the largest global norm of the gradient; 0 turns it off.

    Attributes:
        active: float32 variable `[tasks]`: 0 where a task has been stopped, else 1.
        weights: of the last update's losses, float32 variable `[tasks]`.
        average: of the weights, where one is kept.
        losses, counts: of the last update, float32 variables `[tasks]`, over all replicas.
        gradient_norm: of the last update before clipping, float32 variable.
    """

    def __init__(self, terms: Mapping[str, LossTerms], balancing: Method, clip_norm: float):
        self.tasks = list(terms)
        self.balancing = balancing
        self._terms = dict(terms)
        self._clip_norm = clip_norm
        self.average: WeightAverage | None = None
        self.active = _state([1.0] * len(terms), "active_tasks")
        self.weights = _state([1.0] * len(terms), "task_weights")
        self.losses = _state([0.0] * len(terms), "task_losses")
        self.counts = _state([0.0] * len(terms), "task_counts")
        self.gradient_norm = _state(0.0, "gradient_norm")
        self.trackers = [keras.metrics.Mean(name="loss")]
        self.trackers += [keras.metrics.Mean(name=f"{task}_loss") for task in self.tasks]

    @property
    def variables(self) -> list[keras.Variable]:
        """What a checkpoint keeps beside the model's and the optimizer's variables."""
        return [self.active, self.weights, *self.balancing.variables, *(self.average.variables if self.average else ())]

    def train(self, model: keras.Model, data) -> dict[str, tf.Tensor]:
        """Trains on one replica's part of a batch; returns the running means of the losses."""
        before = self.task_losses(model, data) if self.balancing.reads_losses_after else None
        gradients = self._clip(self._gradients(model, data), model.optimizer)
        # The optimizer sums over replicas as well, what is here the same on all of them.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        model.optimizer.apply([gradient / replicas for gradient in gradients], model.trainable_variables)
        if self.average is not None:
            self.average.update(model.optimizer.iterations.value)
        if before is not None:
            self.balancing.observe(before, self.task_losses(model, data), self.counts.value > 0)
        return self._track(self.losses.value, self.counts.value)

    def _gradients(self, model: keras.Model, data) -> list[tf.Tensor]:
        """Returns the gradient of the weighted loss by each variable, over all replicas; notes losses and weights."""
        inputs, targets = data
        with tf.GradientTape() as tape:
            shares, counts = self._shares(targets, model(inputs, training=True))
            losses = all_sum(tf.stop_gradient(tf.stack(shares)))
            weights = self.balancing.weights(losses, (counts > 0) & (self.active.value > 0)) * self.active.value
            scaled = model.optimizer.scale_loss(tf.reduce_sum(tf.stack(shares) * weights))
        self._note(losses, counts, weights)
        variables = model.trainable_variables
        return all_sum([dense(g, v) for g, v in zip(tape.gradient(scaled, variables), variables, strict=True)])

    def _note(self, losses: tf.Tensor, counts: tf.Tensor, weights: tf.Tensor) -> None:
        self.losses.assign(losses)
        self.counts.assign(counts)
        self.weights.assign(weights)

    def test(self, model: keras.Model, data) -> dict[str, tf.Tensor]:
        """Measures the losses of one replica's part of a batch; returns their running means."""
        inputs, targets = data
        shares, counts = self._shares(targets, model(inputs, training=False))
        return self._track(all_sum(tf.stack(shares)), counts)

    def task_losses(self, model: keras.Model, data, training: bool = False) -> tf.Tensor:
        """Returns each task's loss on a batch, float32 `[tasks]`."""
        inputs, targets = data
        return all_sum(tf.stack(self._shares(targets, model(inputs, training=training))[0]))

    def _shares(self, targets, outputs) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Returns this replica's share of each task's loss, and the global counts, float32 `[tasks]`."""
        sums, counts = zip(*(self._terms[task](targets[task], outputs[task]) for task in self.tasks), strict=True)
        counts = all_sum(tf.stack(counts))
        return [part / tf.maximum(counts[index], 1.0) for index, part in enumerate(sums)], counts

    def _clip(self, gradients: list[tf.Tensor], optimizer) -> list[tf.Tensor]:
        scale = optimizer.scale_loss(1.0)
        norm = tf.linalg.global_norm(gradients) / scale
        self.gradient_norm.assign(norm)
        if not self._clip_norm:
            return gradients
        factor = tf.minimum(1.0, self._clip_norm / tf.maximum(norm, 1e-12))
        return [gradient * factor for gradient in gradients]

    def _track(self, losses: tf.Tensor, counts: tf.Tensor) -> dict[str, tf.Tensor]:
        total, *of_tasks = self.trackers
        total.update_state(tf.reduce_sum(losses * self.weights.value))
        for index, tracker in enumerate(of_tasks):
            tracker.update_state(losses[index], sample_weight=counts[index])
        return {tracker.name: tracker.result() for tracker in self.trackers}


def _state(value, name: str) -> keras.Variable:
    return keras.Variable(value, trainable=False, dtype="float32", name=name, aggregation="only_first_replica")


def all_sum(value):
    """Sums tensors over all replicas."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def dense(gradient, variable) -> tf.Tensor:
    """A dense gradient: repeated ids of an embedding's are summed; one that does not exist is zero."""
    return tf.zeros(variable.shape, variable.dtype) if gradient is None else tf.convert_to_tensor(gradient)
