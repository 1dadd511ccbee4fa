"""Makes the update that the balancing method of an experiment needs."""

import logging
import math
from collections.abc import Mapping

import keras
import tensorflow as tf

from tfmtl.balancing.method import GradientCombination, LossWeighting
from tfmtl.config.experiment import Experiment
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import BALANCING, META
from tfmtl.kinds.kind import kind_of
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.training.accumulation import Accumulation
from tfmtl.training.batch_rows import BatchRows
from tfmtl.training.gradient_update import GradientUpdate
from tfmtl.training.losses import TaskLoss
from tfmtl.training.meta_update import MetaUpdate
from tfmtl.training.prepared_data import TrainingData
from tfmtl.training.representation_update import RepresentationUpdate
from tfmtl.training.update import Update
from tfmtl.training.variable_usage import VariableUsage, variable_usage

_logger = logging.getLogger("tfmtl")


def make_update(experiment: Experiment, data: TrainingData, model: keras.Model) -> Update:
    """Returns the update that makes the steps of an experiment, and logs which parameters its tasks share."""
    options = experiment.training
    columns = data.columns
    losses: Mapping[str, TaskLoss] = {
        name: kind_of(task).loss(task, columns.get(name)) for name, task in data.tasks.items()
    }
    rows = BatchRows(data.slices, losses)
    accumulation = Accumulation(rows, options.accumulation)
    balancing = BALANCING.get(experiment.balancing.name).build(experiment.balancing.options)
    balancing.tasks = list(data.tasks.values())
    if isinstance(balancing, LossWeighting):
        balancing.build(len(losses), updates_per_epoch=data.plan.updates_per_epoch)
        if options.meta is not None:
            method = META.get(options.meta.name).build(options.meta.options)
            return MetaUpdate(losses, balancing, options.clip_norm, method, data.plan.episodes, rows)
        return Update(losses, balancing, options.clip_norm, accumulation)
    usage = variable_usage(model)
    size = _log_shared(usage, model, balancing, experiment.balancing.name)
    balancing.build(len(losses), size, data.plan.updates_per_epoch)
    if getattr(balancing.options, "gradients_of", "parameters") == "representation":
        _check_states(experiment, model)
        return RepresentationUpdate(losses, balancing, options.clip_norm, accumulation, usage)
    update = GradientUpdate(losses, balancing, options.clip_norm, accumulation, usage)
    groups = [[task.name for task in stream.tasks] for stream in data.streams]
    if len(groups) > 1 and not _needs_static_shapes():
        update.group(groups, rows)
    return update


def _check_states(experiment: Experiment, model: MultiTaskModel) -> None:
    if not model.network.layers.sharing.shares_states:
        raise ConfigurationError(
            f"balancing.gradients_of: representation: with the sharing scheme '{experiment.model.sharing.name}', there "
            "are no states that all tasks share; use 'parameters'"
        )


def _log_shared(usage: VariableUsage, model: keras.Model, balancing: GradientCombination, name: str) -> int:
    variables = [model.trainable_variables[position] for position in usage.shared]
    size = sum(math.prod(variable.shape) for variable in variables)
    layers = dict.fromkeys(variable.path.split("/")[0] for variable in variables)
    _logger.info(
        "%s combines the gradients of %d parameters that two or more tasks share, in: %s", name, size, ", ".join(layers)
    )
    return size


def _needs_static_shapes() -> bool:
    """Whether the step is compiled by XLA, for which the number of rows must be known in advance."""
    return bool(tf.config.list_logical_devices("TPU"))
