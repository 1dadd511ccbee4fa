"""Checks whether compared systems have read the same number of rows, without which a comparison is unfair."""

from collections.abc import Iterable, Mapping, Sequence

from tfmtl.reports.comparison.compared_run import ComparedRun
from tfmtl.reports.comparison.systems import System

_TOLERANCE = 1.1


def unequal_budgets(systems: Sequence[System]) -> list[str]:
    """Returns a sentence for each budget that differs by more than a tenth.

    Systems of the same tasks are compared by all rows that one training of each has read, over all its stages. Others
    are compared by the rows of each common task, if these are known: for a run with several sources or stages, only the
    total number of rows is known, not the number for each task.
    """
    by_tasks: dict[frozenset[str], dict[str, int]] = {}
    for system in systems:
        by_tasks.setdefault(frozenset(system.runs), {})[system.name] = _rows_of_one_training(system)
    sentences = [
        f"The budgets differ; rows read in training: {_listed(rows)}." for rows in by_tasks.values() if _differ(rows)
    ]
    if len(by_tasks) > 1:
        sentences += [
            f"The budgets of '{task}' differ; rows read in training: {_listed(rows)}."
            for task, rows in _rows_of_tasks(run for system in systems for run in system.members).items()
            if _differ(rows)
        ]
    return sentences


def _rows_of_one_training(system: System) -> int:
    """Returns the number of rows that its runs have read, divided by the number of its trainings."""
    trainings = len(next(iter(system.runs.values())))
    return round(sum(run.rows_read for run in system.members) / trainings)


def _rows_of_tasks(runs: Iterable[ComparedRun]) -> dict[str, dict[str, int]]:
    by_task: dict[str, dict[str, int]] = {}
    for run in runs:
        sources = {task.source for task in run.experiment.tasks.values()}
        if len(sources) == len(run.experiment.stages) == 1:
            for task in run.tasks:
                by_task.setdefault(task, {})[run.path] = run.rows_read
    return by_task


def _differ(rows: Mapping[str, int]) -> bool:
    return max(rows.values()) > _TOLERANCE * min(rows.values())


def _listed(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in rows.items())
