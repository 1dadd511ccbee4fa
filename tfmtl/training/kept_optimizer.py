"""An optimizer's state that goes from one stage of a training to the next."""

from collections import Counter
from collections.abc import Collection

import keras

from tfmtl.core.errors import ConfigurationError
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.training.update import Update
from tfmtl.training.variable_usage import variable_usage


class KeptOptimizer:
    """Gives the optimizer of each stage the moments of the stage before it.

    Only variables that a task of the stage reads are updated: the weights and moments of tasks that pause stay what
    they are, so that these tasks go on where they stopped. The learning rate follows the schedule of the stage. The
    bias of a variable's moments is corrected by the number of its own updates, which is that of all stages with it.

    Args:
        model: the model, compiled for its first stage.
        name: the name of the optimizer in a configuration.

    Raises:
        ConfigurationError: if the optimizer cannot continue.
    """

    def __init__(self, model: MultiTaskModel, name: str):
        if not hasattr(_inner(model.optimizer), "continue_after"):
            raise ConfigurationError(f"training.stage_optimizer: the optimizer '{name}' cannot be kept; use 'new'")
        self._model = model
        self._usage = variable_usage(model)
        self._updates: Counter[str] = Counter()
        self._last: keras.optimizers.Optimizer | None = None

    def begin(self, update: Update, tasks: Collection[str]) -> None:
        """Prepares the optimizer and the update of a stage, for which the model has just been compiled.

        Args:
            update: the update of the stage.
            tasks: the tasks that the stage trains.
        """
        update.moved = sorted(set().union(*(self._usage.tasks[task] for task in tasks)))
        if self._last is None:
            return
        optimizer = self._model.optimizer
        for variable, before in zip(optimizer.variables, self._last.variables, strict=True):
            if variable.name != "iteration":
                variable.assign(before)
        _inner(optimizer).continue_after(self._updates)

    def end(self, update: Update, updates: int) -> None:
        """Remembers the state at the end of a stage of so many updates."""
        variables = self._model.trainable_variables
        self._updates.update({variables[position].path: updates for position in update.moved})
        self._last = self._model.optimizer


def _inner(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Returns the optimizer, or the one whose losses it scales."""
    return getattr(optimizer, "inner_optimizer", optimizer)
