"""Linear experts learn before the network does."""

import logging

import keras
import numpy as np

from tfmtl.config.experiment import Experiment
from tfmtl.data.tables import Pieces, Table, absent
from tfmtl.models.builder import LINEAR_EXPERTS
from tfmtl.models.task_heads import common_names
from tfmtl.training.losses import class_weights_of
from tfmtl.training.prepared_data import TrainingData

_logger = logging.getLogger("tfmtl")


def adapt_linear_experts(model: keras.Model, experiment: Experiment, data: TrainingData) -> None:
    """Fits the linear experts of a new model to train, where it has them.

    Those of tasks that have a head in common learn together, as their heads do.
    """
    experts = next((layer for layer in model.layers if layer.name == LINEAR_EXPERTS), None)
    if experts is None:
        return
    names = list(experts.classes)
    tables = [table for table in data.tables if not {*names}.isdisjoint(table.slice.heads)]
    tokens = Pieces.join([table.tokens for table in tables])
    targets = {name: np.concatenate([_labels(table, name) for table in tables]) for name in names}
    # Rows that only other tasks have a target of say nothing of how often a word stands in a text of these.
    labelled = np.flatnonzero(np.any([column >= 0 for column in targets.values()], axis=0))
    tokens, targets = tokens.take(labelled), {name: column[labelled] for name, column in targets.items()}
    groups: dict[str, list[str]] = {}
    common = common_names(data.tasks) if experiment.model.shared_heads else {}
    for name in names:
        groups.setdefault(common.get(name, name), []).append(name)
    _logger.info("linear experts learn from %d rows of train: %s", len(tokens.lengths), ", ".join(names))
    class_weights = {name: class_weights_of(data.tasks[name], data.class_counts(data.tasks[name])) for name in names}
    experts.adapt(tokens, targets, list(groups.values()), class_weights)


def _labels(table: Table, task: str) -> np.ndarray:
    return table.targets.get(task, absent("classification", len(table.tokens.lengths)))
