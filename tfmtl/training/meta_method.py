"""The interface of meta-learning methods, and the steps by which an episode adapts a model."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import tensorflow as tf
from pydantic import Field

from tfmtl.core.registry import Options
from tfmtl.data.episodes import EpisodeDesign
from tfmtl.training.update import all_sum, dense

Weights = Sequence[tf.Tensor]
"""The values of all trainable variables of a model, in its order."""


class MetaOptions(Options):
    """The episodes of meta-learning, and the steps by which a model adapts to each of them.

    Attributes:
        inner_steps: the number of gradient steps by which a model adapts to an episode.
        inner_rate: the learning rate of these steps, which are those of plain gradient descent.
        tasks_per_update: the number of episodes in an update.
        shots: the number of rows of each class to adapt to; of all rows, for a task without classes.
        classes: the number of classes in an episode, drawn from those of its task, to which the model adapts as to new
            ones: their output weights begin at zero. If absent, an episode has all classes, and adapts their weights.
    """

    inner_steps: int = Field(3, ge=1, le=100)
    inner_rate: float = Field(0.01, gt=0.0)
    tasks_per_update: int = Field(4, ge=1, le=100)
    shots: int = Field(8, ge=1)
    classes: int | None = Field(None, ge=2)


class MeasuredOptions(MetaOptions):
    """Options of methods that measure the adapted model.

    Attributes:
        queries: the number of further rows of each class on which the adapted model is measured; as `shots` if absent.
    """

    queries: int | None = Field(None, ge=1)


@dataclass(frozen=True)
class Episode:
    """A task with few rows, as losses of the values of a model's variables.

    The losses are this replica's shares; those of all replicas add up to the loss of the episode.

    Attributes:
        support: the loss on the rows that each step adapts to; steps beyond the last of them begin again.
        query: the loss on the rows on which the adapted model is measured.
        heads: the positions of the variables that belong to heads and decoders, and not to the trunk.
    """

    support: Sequence[Callable[[Weights], tf.Tensor]]
    query: Callable[[Weights], tf.Tensor]
    heads: Sequence[int]

    def adapted(self, weights: Weights, positions: Sequence[int], options: MetaOptions) -> "Adapted":
        """Makes gradient steps on the support rows of all replicas.

        Gradients flow through the steps, whose second derivatives a tape around this call therefore has.

        Args:
            weights: the weights to begin with.
            positions: the positions of the variables that move.
            options: the number of steps, and their rate.
        """
        moved = list(weights)
        for step in range(options.inner_steps):
            values = [moved[position] for position in positions]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                loss = self.support[step % len(self.support)](moved)
            gradients = tape.gradient(loss, values)
            gradients = all_sum([dense(g, v) for g, v in zip(gradients, values, strict=True)])
            for position, gradient in zip(positions, gradients, strict=True):
                moved[position] = moved[position] - tf.constant(options.inner_rate, gradient.dtype) * gradient
        return Adapted(moved, loss)


class Adapted(NamedTuple):
    """The result of an episode's steps.

    Attributes:
        weights: the weights after them.
        loss: the loss on the rows of the last step before it was made, as this replica's share.
    """

    weights: list[tf.Tensor]
    loss: tf.Tensor


class MetaMethod(ABC):
    """Turns an episode into a gradient of the weights from which models adapt.

    Args:
        options: the options of the method.

    Attributes:
        measures: whether it reads the loss of query rows, whose number is an option (`MeasuredOptions`).
        renews: whether each inner step has rows of its own.
        second_order: whether it differentiates the inner steps.
    """

    measures: ClassVar[bool] = True
    renews: ClassVar[bool] = False
    second_order: ClassVar[bool] = False

    def __init__(self, options: MetaOptions):
        self.options = options

    @property
    def design(self) -> EpisodeDesign:
        """The form of the episodes."""
        options = self.options
        queries = (options.queries or options.shots) if self.measures else 0
        steps = options.inner_steps if self.renews else 1
        return EpisodeDesign(options.tasks_per_update, options.shots, queries, options.classes, steps)

    @abstractmethod
    def gradient(self, episode: Episode, weights: Weights) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns the loss of an episode, and its gradient by each variable, as this replica's shares.

        Args:
            episode: the episode.
            weights: the values of the variables, which no tape watches.
        """


def gradient_of(loss: Callable[[], tf.Tensor], tape: tf.GradientTape, weights: Weights) -> tuple[tf.Tensor, list]:
    """Returns the loss that is computed under a tape that watches the weights, and its gradient by each of them."""
    with tape:
        tape.watch(list(weights))
        found = loss()
    return found, [dense(g, w) for g, w in zip(tape.gradient(found, list(weights)), weights, strict=True)]
