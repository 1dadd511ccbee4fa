"""Tables of the baselines of a comparison, and of the scores without rows that were seen in training."""

from collections.abc import Mapping, Sequence

import numpy as np

from tfmtl.core.markdown import plain, table
from tfmtl.kinds.task import Task
from tfmtl.reports.comparison.reference import Reference
from tfmtl.reports.comparison.systems import System


def reference_section(reference: Reference, systems: Sequence[System]) -> list[str]:
    """Returns the lines of the baselines, and those of unseen rows if some have been seen."""
    tasks = {name: runs[0].experiment.tasks[name] for system in systems for name, runs in system.runs.items()}
    lines = ["## Baselines", "", *_baselines(reference, tasks), ""]
    if reference.unseen:
        lines += ["## Without rows seen in training", "", *_unseen(reference, systems, tasks), ""]
    return lines


def _baselines(reference: Reference, tasks: Mapping[str, Task]) -> list[str]:
    """Returns a table for the tasks of each kind, because different baselines answer them."""
    lines = []
    for kind in dict.fromkeys(task.kind for task in tasks.values()):
        of_kind = {name: task for name, task in tasks.items() if task.kind == kind}
        columns = [name for name, scores in reference.baselines.items() if not scores.keys().isdisjoint(of_kind)]
        rows = [
            [name, metric, *(_cell(reference.baselines[column].get(name, {}).get(metric)) for column in columns)]
            for name, task in of_kind.items()
            for metric in task.all_metrics
        ]
        primary = {
            column: [reference.baselines[column].get(name, {}).get(task.primary) for name, task in of_kind.items()]
            for column in columns
        }
        if len(of_kind) > 1:
            rows.append(["mean of the tasks", "primary", *(_mean_cell(values) for values in primary.values())])
        lines += [*table(["task", "metric", *map(plain, columns)], [list(map(plain, row)) for row in rows]), ""]
    return lines


def _unseen(reference: Reference, systems: Sequence[System], tasks: Mapping[str, Task]) -> list[str]:
    scores = {
        system.name: {name: system.score(name, tasks[name].primary) for name in system.runs} for system in systems
    }
    for baseline, of_tasks in reference.baselines.items():
        scores[baseline] = {name: found[tasks[name].primary] for name, found in of_tasks.items()}
    seen = {name: count for name, count in reference.seen_rows.items() if count}
    # A task all of whose rows have been seen has no score without them.
    scored = {task for of_tasks in reference.unseen.values() for task in of_tasks}
    rows = []
    for name, of_tasks in scores.items():
        common = [task for task in of_tasks if task in reference.unseen[name]]
        if common and set(common) >= seen.keys() & scored:
            means = [np.mean([values[task] for task in common]) for values in (of_tasks, reference.unseen[name])]
            rows.append([plain(name), str(len(common)), *map(_cell, means)])
    listed = ", ".join(f"{plain(name)} {count}" for name, count in seen.items())
    told = f"Rows whose text is also in the training or validation split: {listed}."
    if not rows:
        return [f"{told} No task has a row left without them."]
    return [
        told,
        "",
        *table(["system or baseline", "tasks", "mean of the primary metrics", "without these rows"], rows),
    ]


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _mean_cell(values: Sequence[float | None]) -> str:
    return "" if None in values else _cell(float(np.mean(values)))
