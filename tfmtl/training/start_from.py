"""Begins a training with the weights of another run."""

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from tfmtl.core.errors import ConfigurationError, listed
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.runs.loading import load_reader
from tfmtl.runs.run_folder import RunFolder

KEY = "training.start_from"
_FITTED = "linear_experts"
_OF_LABELS = r"(output/(kernel|bias)|thresholds)"
"""The variables of a head whose last axis is its labels."""

_logger = logging.getLogger("tfmtl")


def start_from(model: MultiTaskModel, tasks: Mapping[str, Task], run: RunFolder) -> None:
    """Gives a new model the weights of another run's best model wherever they fit, and says where they do not.

    Weights fit that have the same path and shape. Of a head whose labels differ, those of the labels that both have are
    taken, whatever their order. Linear experts are not taken: they are fitted to the new rows.

    Args:
        model: the new model.
        tasks: its tasks, with their label sets.
        run: the other run.

    Raises:
        ConfigurationError: if nothing of the trunk fits, or not all of it that is frozen.
        RunError: if the run has no model that can be loaded.
    """
    reader = load_reader(run)
    given = _by_place(reader.model.variables)
    # The paths of a preset's variables are its own and do not tell that they are the trunk's.
    of_trunk = {id(variable) for variable in model.network.layers.sharing.trunk.variables}
    kept = _kept_as_made(model)
    missed: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    fits, frozen = False, []
    for place, variable in _by_place(model.variables).items():
        part = _part(place[0])
        if not part:
            continue
        totals[part] += 1
        labels = (_labels(reader.tasks, place[0]), _labels(tasks, place[0]))
        if not (place in given and _assigned(variable, given[place].numpy(), *labels)):
            missed[part] += 1
            frozen += [variable.path] * (id(variable) in kept)
        elif id(variable) in of_trunk:
            fits = True
    if not fits:
        raise ConfigurationError(f"{KEY}: nothing of {run.path} fits the trunk of this model; use its 'model.encoder'")
    if frozen:
        raise ConfigurationError(
            f"{KEY}: {frozen[0]} of {run.path} does not fit this model, whose 'model.encoder.frozen' would leave it "
            "random; use its 'model.encoder'"
        )
    new = [f"{part} ({count} of {totals[part]})" for part, count in missed.items()]
    left = sorted({part for path, _ in given if (part := _part(path))} - set(totals))
    rest = f"; new are variables of {listed(new)}" if new else ""
    rest += f"; left behind are those of {listed(left)}" if left else ""
    _logger.info("begins with %d variables of %s%s", totals.total() - missed.total(), run.path, rest)


def _part(path: str) -> str:
    """Returns the layer of the model that a variable belongs to; nothing if the variable is not carried over."""
    part = path.split("/")[0]
    return "" if part == _FITTED or "seed_generator" in path else part


def _kept_as_made(model: MultiTaskModel) -> set[int]:
    """Returns the ids of variables that would stay random because they are frozen; those of a preset are not random."""
    layers = model.network.layers
    trunk = layers.sharing.trunk
    if trunk.is_pretrained or not trunk.options.frozen:
        return set()
    return {id(each) for each in (*layers.embedding.variables, *trunk.variables) if not each.trainable}


def _by_place(variables: Sequence[keras.Variable]) -> dict[tuple[str, int], keras.Variable]:
    """Returns variables by path, and by number among those with the same path."""
    seen: Counter[str] = Counter()
    places = {}
    for variable in variables:
        places[variable.path, seen[variable.path]] = variable
        seen[variable.path] += 1
    return places


def _labels(tasks: Mapping[str, Task], path: str) -> tuple[str, ...] | None:
    """Returns the labels that the last axis of a variable stands for; `None` if it stands for something else."""
    name, _, rest = path.partition("/")
    if name not in tasks or not re.fullmatch(_OF_LABELS, rest):
        return None
    return kind_of(tasks[name]).label_set(tasks[name]) or None


def _assigned(
    variable: keras.Variable, value: np.ndarray, old: tuple[str, ...] | None, new: tuple[str, ...] | None
) -> bool:
    """Assigns what fits of a value; returns whether any of it does."""
    if (old is None) != (new is None) or variable.shape[:-1] != value.shape[:-1]:
        return False
    if old != new:
        both = [label for label in new if label in old]
        merged = variable.numpy()
        merged[..., [new.index(label) for label in both]] = value[..., [old.index(label) for label in both]]
        variable.assign(merged)
        return bool(both)
    if variable.shape != value.shape:
        return False
    variable.assign(value)
    return True
