"""The comparison of systems: their differences, gains over single tasks, and ranks."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from tfmtl.core.errors import RunError
from tfmtl.kinds.task import Task
from tfmtl.metrics.bootstrap import percentile_interval
from tfmtl.metrics.metric import Rows, metrics_of
from tfmtl.reports.comparison.budgets import unequal_budgets
from tfmtl.reports.comparison.compared_run import ComparedRun, check_comparable, unfinished
from tfmtl.reports.comparison.paired import Difference, paired_difference
from tfmtl.reports.comparison.reference import Reference
from tfmtl.reports.comparison.systems import System, counterpart, systems_of

ReadReference = Callable[[Sequence[System], str], Reference]


@dataclass(frozen=True)
class Change:
    """Of one metric of one task, from one system to another.

    Attributes:
        task: its name.
        metric: its name.
        before: the first system's score.
        difference: of the second.
        is_primary: whether the metric is the task's primary one.
    """

    task: str
    metric: str
    before: float
    difference: Difference
    is_primary: bool

    @property
    def relative(self) -> float | None:
        """The difference as a share of the first score; None where that is no positive number."""
        return self.difference.value / self.before if self.before > 0 else None

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval lies below zero: negative transfer, where the first system learns tasks alone."""
        return self.difference.interval[1] < 0


@dataclass(frozen=True)
class MeanChange:
    """Of several tasks, of each the mean of its metrics.

    Attributes:
        value: the mean.
        interval: percentile bootstrap at 95 %; tasks on the same rows are scored on the same drawn ones.
    """

    value: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, changes: Sequence[Change]) -> Self:
        """Returns the mean of some changes."""
        replicates = _mean_of_tasks(changes, [change.difference.replicates for change in changes])
        value = _mean_of_tasks(changes, [change.difference.value for change in changes])
        return cls(float(value), percentile_interval(replicates))

    @classmethod
    def of_primary(cls, changes: Sequence[Change]) -> Self:
        """Returns the mean of those by the tasks' primary metrics."""
        return cls.of([change for change in changes if change.is_primary])


@dataclass(frozen=True)
class Gain:
    """What a model gains by learning its tasks together.

    Attributes:
        system: of several tasks.
        single: the same network, each task alone.
        changes: of every metric of the tasks that both have.
    """

    system: System
    single: System
    changes: list[Change]

    @property
    def delta(self) -> float | None:
        """Delta_p of Vandenhende et al. 2021, the mean relative change, first of each task; None where one has none."""
        changes = [change.relative for change in self.changes]
        if None in changes:
            return None
        return float(_mean_of_tasks(self.changes, changes))

    @property
    def absolute(self) -> MeanChange:
        """The same mean of the differences themselves, which does not explode where a score is near zero."""
        return MeanChange.of(self.changes)


@dataclass(frozen=True)
class Comparison:
    """Of runs.

    Attributes:
        split: on which they were evaluated.
        samples: behind each interval and each p-value: those of the first run's evaluation.
        systems: that the runs belong to.
        gains: of each system that has single-task counterparts.
        differences: of each later system to the first, by its name.
        ranks: of each system by its name, the mean over the tasks that all of them have; 1 is the best.
        warnings: sentences.
        reference: the baselines; `None` where they were not asked for.
        baseline_differences: of each baseline to the first system, by the tasks' primary metrics, by its name.
    """

    split: str
    samples: int
    systems: list[System]
    gains: list[Gain]
    differences: dict[str, list[Change]]
    ranks: dict[str, float]
    warnings: list[str]
    reference: Reference | None
    baseline_differences: dict[str, list[Change]]


def compare_runs(runs: Sequence[ComparedRun], split: str, read_reference: ReadReference | None = None) -> Comparison:
    """Compares runs that share their data.

    Args:
        runs: two or more.
        split: on which they were evaluated.
        read_reference: what scores the baselines that stand beside them, such as `reference_of`.

    Raises:
        RunError: where they do not, or one system has more trainings than another.
    """
    check_comparable(runs)
    systems = _with_names(systems_of(runs))
    _check_as_many_trainings(systems)
    samples = runs[0].experiment.evaluation.bootstrap_samples
    gains = []
    for system in systems:
        single = counterpart(system, systems)
        if single is not None:
            gains.append(Gain(system, single, _changes(single, system, samples)))
    differences = {system.name: _changes(systems[0], system, samples) for system in systems[1:]}
    reference = read_reference(systems, split) if read_reference else None
    return Comparison(
        split,
        samples,
        systems,
        gains,
        differences,
        _mean_ranks(systems),
        [*unfinished(runs), *unequal_budgets(systems)],
        reference,
        _baseline_differences(systems[0], reference, samples) if reference else {},
    )


def _with_names(systems: Sequence[System]) -> list[System]:
    """Returns the systems with different names: those of a name that stands twice are told by their first run."""
    names = [system.name for system in systems]
    return [
        system if names.count(system.name) == 1 else System(system.members[0].path, system.runs, system.is_single_task)
        for system in systems
    ]


def _check_as_many_trainings(systems: Sequence[System]) -> None:
    for task in dict.fromkeys(task for system in systems for task in system.runs):
        counts = {system.name: len(system.runs[task]) for system in systems if task in system.runs}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"'{name}' {count}" for name, count in counts.items())
            raise RunError(f"trainings of task '{task}': {listed}; compare as many of each system")


def _changes(first: System, second: System, samples: int) -> list[Change]:
    """Returns the changes of every metric of the tasks that both have."""
    changes = []
    for task in (task for task in first.runs if task in second.runs):
        answers = [run.answers[task].predictions for run in second.runs[task]]
        for metric in metrics_of(_described(first, task)):
            changes.append(_change(first, task, metric, answers, samples))
    return changes


def _baseline_differences(first: System, reference: Reference, samples: int) -> dict[str, list[Change]]:
    """Returns the changes of the primary metrics; a baseline answers the same beside every training."""
    return {
        baseline: [
            _change(first, task, _described(first, task).primary, [found] * len(first.runs[task]), samples)
            for task, found in answers.items()
            if task in first.runs
        ]
        for baseline, answers in reference.answers.items()
    }


def _change(first: System, task: str, metric: str, second: Sequence[Rows], samples: int) -> Change:
    """Returns the change of one metric from a system to other answers, of as many trainings as it has."""
    described = _described(first, task)
    # Rows of different sources are drawn by different seeds: what they have in common is no row.
    seed = zlib.crc32(described.source.encode())
    targets = first.runs[task][0].answers[task].targets
    answers = [run.answers[task].predictions for run in first.runs[task]]
    difference = paired_difference(metrics_of(described)[metric], targets, answers, second, samples, seed)
    return Change(task, metric, first.score(task, metric), difference, metric == described.primary)


def _described(system: System, task: str) -> Task:
    return system.runs[task][0].experiment.tasks[task]


def _mean_ranks(systems: Sequence[System]) -> dict[str, float]:
    common = [task for task in systems[0].runs if all(task in system.runs for system in systems)]
    if not common:
        return {}
    primary = {task: systems[0].runs[task][0].experiment.tasks[task].primary for task in common}
    scores = np.array([[system.score(task, primary[task]) for task in common] for system in systems])
    ranks = rankdata(-scores, axis=0).mean(axis=1)
    return {system.name: float(rank) for system, rank in zip(systems, ranks, strict=True)}


def _mean_of_tasks(changes: Sequence[Change], values: Sequence[ArrayLike]) -> np.ndarray:
    of_tasks: dict[str, list[ArrayLike]] = {}
    for change, value in zip(changes, values, strict=True):
        of_tasks.setdefault(change.task, []).append(value)
    return np.mean([np.mean(of_task, axis=0) for of_task in of_tasks.values()], axis=0)
