"""Connects an optimizer that updates rows of an embedding with the update that makes its gradients, and the model."""

import logging
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import keras
import tensorflow as tf

from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.models.network import Network
from tfmtl.training.averaging import WeightAverage
from tfmtl.training.update import Update

_logger = logging.getLogger("tfmtl")


@runtime_checkable
class LazyOptimizer(Protocol):
    """An optimizer that updates variables by the rows that a batch has; see `LazyAdamW`.

    Attributes:
        rows: the paths of these variables; to be set before the optimizer is built.
    """

    rows: tuple[str, ...]

    def up_to_date(self, variable: keras.Variable) -> tf.Tensor:
        """Returns the value of a variable with all that is due."""

    def catch_up(self) -> None:
        """Gives all variables the values that `up_to_date` returns."""


def lazy_optimizer(optimizer: keras.optimizers.Optimizer) -> LazyOptimizer | None:
    """Returns the optimizer, or the one whose losses it scales, if that is lazy."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return inner if isinstance(inner, LazyOptimizer) else None


def connect_rows(optimizer: keras.optimizers.Optimizer, update: Update, model: MultiTaskModel) -> None:
    """Lets an optimizer that can update the embedding by rows do so if its gradient has rows; else logs why not."""
    lazy = lazy_optimizer(optimizer)
    if lazy is None:
        return
    found = _looked_up(model.network)
    if not found:
        embedding = model.network.layers.embedding
        reason = "it also projects summaries to the vocabulary, for which all rows are needed"
        reason = reason if embedding.trainable else "it is frozen"
    elif not update.keeps_rows:
        reason, found = "the balancing method combines whole gradients", []
    if not found:
        _logger.warning("training.optimizer: the embedding is not updated lazily: %s", reason)
    lazy.rows = tuple(variable.path for variable in found)
    positions = {id(variable): position for position, variable in enumerate(model.trainable_variables)}
    update.rows = frozenset(positions[id(variable)] for variable in found)


def _looked_up(network: Network) -> list[keras.Variable]:
    """Returns the trainable variables of which a batch uses only the rows of its own tokens.

    The embedding is none of them if it also projects the states of decoders to logits.
    """
    embedding = network.layers.embedding
    projects = bool(network.decoder_of) and embedding.tie_weights
    return [embedding.embeddings] if embedding.trainable and not projects else []


def average_of(
    variables: Sequence[keras.Variable], momentum: float, optimizer: keras.optimizers.Optimizer
) -> WeightAverage:
    """Returns the average of variables; with a lazy optimizer, of the values that they would have without delay.

    Logs that an average reads all rows in every update, whichever a batch has.
    """
    lazy = lazy_optimizer(optimizer)
    if lazy is None or not lazy.rows:
        return WeightAverage(variables, momentum)
    _logger.warning("training.ema_momentum: the average reads all rows of the embedding in every update")
    return WeightAverage(variables, momentum, lazy.up_to_date)
