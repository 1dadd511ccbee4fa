"""Decides which rows are in which episode of meta-learning, as a pure function of the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.validation import Choice
from tfmtl.data.columns import DenseColumn
from tfmtl.data.plan import EpisodeShape, Plan, scheduled_rates, slice_plan, stream_sizes
from tfmtl.data.tables import Table
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task


@dataclass(frozen=True)
class EpisodeDesign:
    """The form of the episodes.

    Attributes:
        per_update: the number of episodes in an update.
        shots: the number of rows of each class that an episode adapts to; of all rows, for a task without classes.
        queries: the number of rows of each class that the adapted model is measured on.
        classes: the number of classes in an episode, drawn from those of its task; `None` means all of them.
        steps: the number of steps for which `shots` rows are drawn anew; rows of different steps may be the same.
    """

    per_update: int
    shots: int
    queries: int
    classes: int | None
    steps: int = 1

    @property
    def rows_per_class(self) -> int:
        """The number of different rows that an episode needs of each of its classes."""
        return self.shots + self.queries


def _shape(tasks: Mapping[str, Task], design: EpisodeDesign, multiple: int) -> EpisodeShape:
    """Returns the shape of a batch of episodes, with room for the task that has the most classes.

    Args:
        tasks: the tasks to draw from, with their label sets.
        design: the form of the episodes.
        multiple: the number of replicas, over which the rows of each part are divided.

    Raises:
        ConfigurationError: if a task does not have as many classes as are asked for.
    """
    most = max(_classes_of(task, design) for task in tasks.values())
    support, query = (-(-most * rows // multiple) * multiple for rows in (design.shots, design.queries))
    return EpisodeShape(design.per_update, support, query, design.steps)


def plan_episodes(
    tables: Sequence[Table],
    tasks: Mapping[str, Task],
    design: EpisodeDesign,
    mixing: Choice,
    epochs: int,
    multiple: int,
    seed: int,
) -> Plan:
    """Plans the episodes of a training.

    The task of an episode is drawn at the rate that the schedule gives to its stream, which the tasks of a stream share
    alike; an update has different tasks if there are enough. An epoch has as many rows as all streams together, at
    least one update. All rows that a step of an episode adapts to, and those to measure, are different.

    Args:
        tables: the tables of the training split.
        tasks: the tasks to draw from, with their label sets.
        design: the form of the episodes.
        mixing: a schedule of `SCHEDULES` with its options.
        epochs: the number of epochs.
        multiple: the number of replicas.
        seed: the seed of everything that is drawn.

    Raises:
        ConfigurationError: if a task has too few classes, or a class too few rows.
    """
    shape = _shape(tasks, design, multiple)
    pools = {name: _pool(tables, task, design) for name, task in tasks.items()}
    sizes = stream_sizes(tables, tasks)
    updates = max(1, -(-sum(sizes.values()) // shape.rows))
    names = list(tasks)
    rows = [np.full([epochs * updates, shape.rows], -1, np.int32) for _ in tables]
    only = [np.full([epochs * updates, shape.rows], -1, np.int32) for _ in tables]
    for epoch in range(epochs):
        shares = _task_rates(tables, names, scheduled_rates(sizes, mixing, epoch, epochs))
        for update in range(epoch * updates, (epoch + 1) * updates):
            generator = np.random.default_rng((seed, 2, update))
            chosen = generator.choice(
                len(names), design.per_update, design.per_update > np.count_nonzero(shares), shares
            )
            for episode, task in enumerate(chosen):
                drawn = _drawn(pools[names[task]], design, generator)
                for start, located in zip(shape.starts(episode), drawn, strict=True):
                    places = start + np.arange(len(located))
                    for k in range(len(tables)):
                        mine = located[:, 0] == k
                        rows[k][update, places[mine]] = located[mine, 1]
                        only[k][update, places[mine]] = task
    slices = [replace(slice_plan(table, rows[k]), only=only[k]) for k, table in enumerate(tables)]
    return Plan(tuple(slices), updates, seed, tuple(names), shape)


def _classes_of(task: Task, design: EpisodeDesign) -> int:
    """Returns the number of classes in an episode of a task; 1 for a task that has none."""
    classes = kind_of(task).classes(task)
    if design.classes is None:
        return max(classes, 1)
    if classes < design.classes:
        found = f"has {classes} classes" if classes else "has no classes to draw from"
        raise ConfigurationError(
            f"training.meta.classes: {design.classes} in an episode, but task '{task.name}' {found}"
        )
    return design.classes


def _pool(tables: Sequence[Table], task: Task, design: EpisodeDesign) -> list[np.ndarray]:
    """Returns `(table, row)` of the rows of each class that can be in an episode, int64 `[rows, 2]`.

    Raises:
        ConfigurationError: if there are too few of them.
    """
    count = kind_of(task).classes(task)
    by_class = [[np.zeros([0, 2], np.int64)] for _ in range(max(count, 1))]
    for k, table in enumerate(tables):
        column = table.targets.get(task.name)
        if column is None:
            continue
        for label, found in enumerate(by_class):
            of_class = column.values == label if count and isinstance(column, DenseColumn) else column.present
            rows = np.flatnonzero(of_class)
            found.append(np.stack([np.full(len(rows), k), rows], axis=1))
    pools, needed = [np.concatenate(found) for found in by_class], design.rows_per_class
    labels = kind_of(task).label_set(task)
    few = [label for label, pool in enumerate(pools) if len(pool) < needed]
    enough = len(pools) - len(few)
    asks = f"an episode takes {design.shots} to adapt to and {design.queries} to measure"
    if design.classes is not None and enough < design.classes:
        raise ConfigurationError(
            f"training.meta.classes: {design.classes} in an episode, but only {enough} classes of task '{task.name}' "
            f"have {needed} training rows; {asks} of each class"
        )
    if design.classes is None and few:
        what = f"the class '{labels[few[0]]}' of task '{task.name}'" if count else f"task '{task.name}'"
        advice = "; 'classes' draws from those that have enough" if count else ""
        raise ConfigurationError(
            f"training.meta.shots: {what} has {len(pools[few[0]])} training rows, and {asks}{advice}"
        )
    return [pool for pool in pools if len(pool) >= needed]


def _task_rates(tables: Sequence[Table], names: Sequence[str], of_streams: Mapping[str, float]) -> np.ndarray:
    """Returns the rate of each task: the tasks of a stream share its rate alike."""
    members: dict[str, set[str]] = {stream: set() for stream in of_streams}
    for table in tables:
        for stream, rows in table.streams.items():
            found = [name for name in names if name in table.present and table.present[name][rows].any()]
            members.get(stream, set()).update(found)
    rates = np.array(
        [sum(of_streams[s] / len(found) for s, found in members.items() if name in found) for name in names]
    )
    return rates / rates.sum()


def _drawn(pools: Sequence[np.ndarray], design: EpisodeDesign, generator: np.random.Generator) -> list[np.ndarray]:
    """Returns `(table, row)` of the rows that each step adapts to and of those to measure, int64 `[rows, 2]` each."""
    count = len(pools) if design.classes is None else design.classes
    chosen = generator.choice(len(pools), count, replace=False)
    rows = [generator.choice(pools[label], design.rows_per_class, replace=False) for label in chosen]
    further = [
        [generator.choice(pools[label], design.shots, replace=False) for label in chosen]
        for _ in range(design.steps - 1)
    ]
    first, measured = [of[: design.shots] for of in rows], [of[design.shots :] for of in rows]
    return [np.concatenate(part) for part in (first, *further, measured)]
