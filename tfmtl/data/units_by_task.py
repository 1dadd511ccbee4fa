"""The units by which each task's texts are read, which tasks that read the same texts have in common."""

from collections.abc import Hashable, Iterable

from tfmtl.core.errors import ConfigurationError
from tfmtl.data.units import Units
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task


def units_by_task(tasks: Iterable[Task]) -> dict[str, Units | None]:
    """Returns the units by which the texts of each task are read: those of any task that reads the same texts.

    Raises:
        ConfigurationError: if two tasks need different units of the same texts.
    """
    first: dict[Hashable, Task] = {}
    for task in tasks:
        if kind_of(task).units is not None:
            known = first.setdefault(_texts_of(task), task)
            if kind_of(known).units != kind_of(task).units:
                raise ConfigurationError(
                    f"tasks.{task.name}: {task.kind} and {known.kind} cut a text in different ways, and "
                    f"'{known.name}' reads the same text; give one of them a source of its own"
                )
    found = {key: kind_of(task).units for key, task in first.items()}
    return {task.name: found.get(_texts_of(task)) for task in tasks}


def _texts_of(task: Task) -> Hashable:
    return task.source, task.text, task.text_pair
