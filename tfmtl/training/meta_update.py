"""An update from episodes: the gradient of weights from which a model adapts to a task in a few steps."""

import functools
from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf

from tfmtl.balancing.method import LossWeighting
from tfmtl.data.plan import EpisodeShape
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.models.network import network_output
from tfmtl.training.batch_rows import BatchRows
from tfmtl.training.losses import TaskLoss
from tfmtl.training.meta_method import Episode, MetaMethod, Weights
from tfmtl.training.update import Update, all_sum, dense


class MetaUpdate(Update):
    """An update by the mean of the gradients of a few episodes, each multiplied by the weight of its task.

    A batch has the rows of one episode after the other, planned by `tfmtl.data.episodes`. A row has the target of its
    episode's task alone. The loss of an episode is a mean over the rows of all replicas, and so is each inner step: one
    replica and several make the same update. The losses that are reported are those that the method measures, and a
    task's is the mean over its episodes. Validation measures the model before adaptation.

    If an episode has some classes of its task, it adapts to them as to classes that it has never seen: the output
    weights of all classes begin at zero (Kao et al. 2022), so that no class has weights of its own to remember, and
    names do not matter. The weights that are kept for validation and for answers then learn from the same rows by the
    plain loss over all classes, which does not move the trunk.

    Args:
        task_losses, balancing, clip_norm: as in `Update`.
        method: the method of meta-learning.
        shape: the places of the episodes in a batch.
        rows: what selects rows of a batch.
    """

    keeps_rows = False

    def __init__(
        self,
        task_losses: Mapping[str, TaskLoss],
        balancing: LossWeighting,
        clip_norm: float,
        method: MetaMethod,
        shape: EpisodeShape,
        rows: BatchRows,
    ):
        super().__init__(task_losses, balancing, clip_norm)
        self._method = method
        self._shape = shape
        self._batch_rows = rows

    def train(self, model: keras.Model, batch) -> dict[str, tf.Tensor]:
        gradients = self._clip(self._gradients(model, batch, self.counts.value), model.optimizer)
        self._apply(model, gradients)
        return self._track(self.losses.value, self.counts.value)

    def _gradients(self, model, batch, counts):
        """Returns the mean gradient of the episodes; stores losses, weights and the episodes of each task."""
        # Traced once for all episodes and steps; but second derivatives of a function are slow to trace, and have those
        # by all of its inputs, whether they are needed or not.
        wrap = (lambda run: run) if self._method.second_order else functools.partial(tf.function, autograph=False)
        losses_of = _Losses(model, self._loss_of, wrap)
        episodes = [self._episode(model, batch, number, losses_of) for number in range(self._shape.episodes)]
        of_tasks = tf.stack([of_task for *_, of_task in episodes])
        counts = tf.reduce_sum(of_tasks, axis=0)
        weights = self._weights(tf.zeros_like(counts), counts)
        values = [tf.convert_to_tensor(variable.value) for variable in model.trainable_variables]
        outputs = self._outputs_of_classes(model)
        begun = [tf.zeros_like(value) if k in outputs else value for k, value in enumerate(values)]
        losses, total = tf.zeros_like(counts), [tf.zeros_like(value) for value in values]
        for episode, plain, of_task in episodes:
            loss, found = self._method.gradient(episode, begun)
            for position, gradient in zip(outputs, _gradients_of(plain, values, outputs), strict=True):
                found[position] = gradient
            losses += tf.stop_gradient(loss) * of_task
            share = tf.reduce_sum(weights * of_task) / self._shape.episodes
            total = [before + tf.cast(share, g.dtype) * g for before, g in zip(total, found, strict=True)]
        losses_of.keep_changes()
        self.losses.assign(all_sum(losses) / tf.maximum(counts, 1.0))
        self.counts.assign(counts)
        return all_sum(total)

    def _episode(
        self, model: keras.Model, batch, number: int, losses_of: "_Losses"
    ) -> tuple[Episode, Callable[[Weights], tf.Tensor], tf.Tensor]:
        """Returns an episode, the loss over all classes of rows that it has, and `[tasks]`: 1 for its task, else 0."""
        supports, query = self._parts(batch, number)
        counts, classes = self._count(supports[0]), {}
        if self._method.options.classes is not None:
            seen = {task: loss.classes_seen(supports[0][1][task]) for task, loss in self._task_losses.items()}
            classes = {task: all_sum(found) > 0 for task, found in seen.items() if found is not None}

        def loss_on(part, among: Mapping[str, tf.Tensor]) -> Callable[[Weights], tf.Tensor]:
            of_part = self._count(part)
            return lambda weights: losses_of.of(weights, part, of_part, among)

        trunk = {id(variable) for variable in model.network.trunk_variables()}
        heads = [k for k, variable in enumerate(model.trainable_variables) if id(variable) not in trunk]
        episode = Episode([loss_on(support, classes) for support in supports], loss_on(query, classes), heads)
        return episode, loss_on(supports[0], {}), tf.cast(counts > 0, tf.float32)

    def _outputs_of_classes(self, model: MultiTaskModel) -> list[int]:
        """Returns the positions of the variables that begin an episode at zero."""
        if self._method.options.classes is None:
            return []
        layers = model.network.layers
        heads = [*layers.heads.values(), *layers.common_heads.values()]
        found = {id(variable) for head in heads for variable in getattr(head, "output_variables", ())}
        return [k for k, variable in enumerate(model.trainable_variables) if id(variable) in found]

    def _loss_of(self, targets, outputs, counts: tf.Tensor, classes: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns this replica's share of the sum of all losses, where tasks choose among some classes only."""
        changed = dict(outputs)
        for task, seen in classes.items():
            name = network_output(task) if network_output(task) in outputs else task
            changed[name] = self._task_losses[task].among(outputs[name], seen)
        return tf.add_n(self._shares_of(self.tasks, targets, changed, counts))

    def _parts(self, batch, number: int) -> tuple[list, tuple]:
        """Returns this replica's rows of each step of an episode, and those to measure."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        support, query = (rows // replicas for rows in (self._shape.support, self._shape.query))
        *starts, last = (start // replicas for start in self._shape.starts(number))
        supports = [self._batch_rows.between(batch, start, start + support) for start in starts]
        return supports, self._batch_rows.between(batch, last, last + query)


def _gradients_of(loss: Callable[[Weights], tf.Tensor], weights: Weights, positions: Sequence[int]) -> list[tf.Tensor]:
    """Returns the gradient of a loss by some of the weights; runs nothing if there are none of them."""
    if not positions:
        return []
    values = [weights[position] for position in positions]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        found = loss(weights)
    return [dense(g, value) for g, value in zip(tape.gradient(found, values), values, strict=True)]


class _Losses:
    """Losses of a model with other weights than its own.

    What the model changes while it runs, such as the seeds of dropout, goes on from run to run.

    Args:
        model: the model.
        loss: the loss of outputs, given `targets, outputs, *rest`.
        wrap: what makes a function of the one that runs the model.
    """

    def __init__(self, model: keras.Model, loss: Callable[..., tf.Tensor], wrap: Callable[[Callable], Callable]):
        self._model = model
        self._loss = loss
        self._variables: Sequence[keras.Variable] = model.non_trainable_variables
        self._values = [tf.convert_to_tensor(variable.value) for variable in self._variables]
        self._changed: list[int] = []
        self._wrapped = wrap(self._run)

    def of(self, weights: Sequence[tf.Tensor], batch, *rest) -> tf.Tensor:
        """Returns the loss on a batch of inputs and targets for training with the given weights."""
        loss, changed = self._wrapped(list(weights), self._values, *batch, *rest)
        for position, value in zip(self._changed, changed, strict=True):
            self._values[position] = value
        return loss

    def keep_changes(self) -> None:
        """Gives the model's other variables the values that they have after the last run."""
        for position in self._changed:
            self._variables[position].assign(self._values[position])

    def _run(self, weights, values, inputs, targets, *rest) -> tuple[tf.Tensor, list[tf.Tensor]]:
        pairs = zip([*self._model.trainable_variables, *self._variables], [*weights, *values], strict=True)
        with keras.StatelessScope(list(pairs)) as scope:
            outputs = self._model(inputs, training=True)
        after = [scope.get_current_value(variable) for variable in self._variables]
        self._changed = [k for k, value in enumerate(values) if after[k] is not value]
        return self._loss(targets, outputs, *rest), [after[k] for k in self._changed]
