"""Fits the linear experts before the network is trained."""

import logging

import numpy as np

from tfmtl.config.experiment import Experiment
from tfmtl.data.columns import RaggedColumn
from tfmtl.data.tables import Table
from tfmtl.kinds.kind import kind_of
from tfmtl.models.build import common_head_names
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.training.prepared_data import TrainingData

_logger = logging.getLogger("tfmtl")


def fit_linear_experts(model: MultiTaskModel, experiment: Experiment, data: TrainingData) -> None:
    """Fits the linear experts of a new model, if it has any, to the training split.

    The experts of tasks that share a head are fitted together, as their heads are trained together.
    """
    experts = model.network.layers.linear_experts
    if experts is None:
        return
    names = list(experts.classes)
    tables = [table for table in data.tables if not {*names}.isdisjoint(table.slice.heads)]
    tokens = RaggedColumn.join([table.tokens for table in tables])
    targets = {name: np.concatenate([_classes(table, name) for table in tables]) for name in names}
    # Rows with targets of other tasks only say nothing about the frequency of a word in the texts of these tasks.
    labelled = np.flatnonzero(np.any([column >= 0 for column in targets.values()], axis=0))
    tokens, targets = tokens.take(labelled), {name: column[labelled] for name, column in targets.items()}
    groups: dict[str, list[str]] = {}
    common = common_head_names(data.tasks) if experiment.model.shared_heads else {}
    for name in names:
        groups.setdefault(common.get(name, name), []).append(name)
    _logger.info("linear experts learn from %d training rows: %s", len(tokens), ", ".join(names))
    columns = data.columns
    weights = {name: kind_of(data.tasks[name]).class_weights(data.tasks[name], columns[name]) for name in names}
    experts.adapt(tokens, targets, list(groups.values()), weights)


def _classes(table: Table, task: str) -> np.ndarray:
    """Returns the class of each row of a table, int `[rows]`; -1 where it has no target of the task."""
    return table.targets[task].values if task in table.targets else np.full(len(table.tokens), -1, np.int32)
