"""What must hold between an experiment and its label sets before a training writes anything."""

from collections.abc import Mapping

from tfmtl.config.experiment import Experiment
from tfmtl.core.errors import ConfigurationError, nearest
from tfmtl.core.registry import BALANCING
from tfmtl.data.special_tokens import END_ID, PAD_ID, START_ID
from tfmtl.generation.options import SearchOptions
from tfmtl.kinds.task import Task


def check_learnable(experiment: Experiment, tasks: Mapping[str, Task]) -> None:
    """Checks what the configuration says by the names of tasks and of labels, and how summaries are to be written.

    Args:
        experiment: as configured.
        tasks: with their label sets.

    Raises:
        ConfigurationError: for a weight of an unknown task or label, or a `min_length` that does not fit a task.
    """
    BALANCING.get(experiment.balancing.name).build(experiment.balancing.options).check(list(tasks))
    for task in tasks.values():
        if task.kind == "classification" and isinstance(task.class_weights, Mapping):
            _check_class_weights(task)
        if task.kind == "summarization":
            SearchOptions.of(
                experiment.generation, max_length=task.max_length, start_id=START_ID, end_id=END_ID, pad_id=PAD_ID
            )


def _check_class_weights(task: Task) -> None:
    for label in task.class_weights:
        if label not in task.labels:
            place = f"tasks.{task.name}.class_weights"
            raise ConfigurationError(f"{place}: unknown label '{label}'; {nearest(label, task.labels)}")
