"""The comparison of systems: their differences, gains over single tasks, and ranks."""

import dataclasses
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Change:
    """The change of one metric of one task, from one system to another.

    Attributes:
        task: the name of the task.
        metric: the name of the metric.
        before: the first system's score.
        difference: the difference of the second system's score from it.
        is_primary: whether the metric is the task's primary one.
        higher_is_better: whether the metric is a score and not an error.
    """

    task: str
    metric: str
    before: float
    difference: Difference
    is_primary: bool
    higher_is_better: bool = True

    @property
    def relative(self) -> float | None:
        """The difference as a share of the first score; `None` if that is not positive."""
        return self.difference.value / self.before if self.before > 0 else None

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval is below zero: negative transfer, if the first system learns tasks alone."""
        low, high = self.difference.interval
        return high < 0 if self.higher_is_better else low > 0


@dataclass(frozen=True)
class MeanChange:
    """The mean change of several tasks, each counted by the mean of its metrics.

    Attributes:
        value: the mean.
        interval: the percentile bootstrap interval at 95 %; tasks on the same rows are scored on the same drawn rows.
    """

    value: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, changes: Sequence[Change]) -> Self:
        """Returns the mean of changes; those of errors, such as of calibration, are left out."""
        changes = _of_scores(changes)
        replicates = _mean_of_tasks(changes, [change.difference.replicates for change in changes])
        value = _mean_of_tasks(changes, [change.difference.value for change in changes])
        return cls(float(value), percentile_interval(replicates))

    @classmethod
    def of_primary(cls, changes: Sequence[Change]) -> Self:
        """Returns the mean of the changes of the tasks' primary metrics."""
        return cls.of([change for change in changes if change.is_primary])


@dataclass(frozen=True)
class Gain:
    """The gain of a model from learning its tasks together.

    Attributes:
        system: the system of several tasks.
        single: the system that learns each task alone, with the same network.
        changes: the changes of every metric of the tasks that both have.
    """

    system: System
    single: System
    changes: list[Change]

    @property
    def delta(self) -> float | None:
        """Delta_p of Vandenhende et al. 2021, the mean over tasks of relative changes; `None` if one is undefined."""
        changes = _of_scores(self.changes)
        relative = [change.relative for change in changes]
        return None if None in relative else float(_mean_of_tasks(changes, relative))

    @property
    def absolute(self) -> MeanChange:
        """The same mean of the differences themselves, which does not explode if a score is near zero."""
        return MeanChange.of(self.changes)


@dataclass(frozen=True)
class Comparison:
    """A comparison of runs.

    Attributes:
        split: the split on which the runs were evaluated.
        samples: the number of samples for each interval and p-value, which is that of the first run's evaluation.
        systems: the systems to which the runs belong.
        gains: the gain of each system that has single-task counterparts.
        differences: the differences of each later system from the first, by its name.
        ranks: the mean rank of each system by its name, over the tasks that all systems have; 1 is the best.
        warnings: warnings, as sentences.
        reference: the baselines; `None` if they were left out.
        baseline_differences: the differences of each baseline from the first system in the tasks' primary metrics, by
            its name.
    """

    split: str
    samples: int
    systems: list[System]
    gains: list[Gain]
    differences: dict[str, list[Change]]
    ranks: dict[str, float]
    warnings: list[str]
    reference: Reference | None = None
    baseline_differences: dict[str, list[Change]] = field(default_factory=dict)


def compare_runs(runs: Sequence[ComparedRun], split: str) -> Comparison:
    """Compares runs that share their data.

    Args:
        runs: two or more runs.
        split: the split on which they were evaluated.

    Raises:
        RunError: if they do not share their data, or one system has more trainings than another.
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
    return Comparison(
        split,
        samples,
        systems,
        gains,
        differences,
        _mean_ranks(systems),
        [*unfinished(runs), *unequal_budgets(systems)],
    )


def with_reference(comparison: Comparison, reference: Reference) -> Comparison:
    """Returns a comparison that also has baselines, and their differences from the first system."""
    differences = _baseline_differences(comparison.systems[0], reference, comparison.samples)
    return dataclasses.replace(comparison, reference=reference, baseline_differences=differences)


def _with_names(systems: Sequence[System]) -> list[System]:
    """Returns the systems with distinct names: those with a name that appears twice are named by their first run."""
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
    """Returns the changes of the primary metrics; a baseline gives the same answers for every training."""
    return {
        baseline: [
            _change(first, task, _described(first, task).primary, [found] * len(first.runs[task]), samples)
            for task, found in answers.items()
            if task in first.runs
        ]
        for baseline, answers in reference.answers.items()
    }


def _change(first: System, task: str, metric: str, second: Sequence[Rows], samples: int) -> Change:
    """Returns the change of one metric from a system to other answers, from the same number of trainings."""
    described = _described(first, task)
    # Rows of different sources are drawn with different seeds, because they have no rows in common.
    seed = zlib.crc32(described.source.encode())
    targets = first.runs[task][0].answers[task].targets
    answers = [run.answers[task].predictions for run in first.runs[task]]
    measure = metrics_of(described)[metric]
    difference = paired_difference(measure, targets, answers, second, samples, seed)
    before, is_primary = first.score(task, metric), metric == described.primary
    return Change(task, metric, before, difference, is_primary, measure.higher_is_better)


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


def _of_scores(changes: Iterable[Change]) -> list[Change]:
    return [change for change in changes if change.higher_is_better]


def _mean_of_tasks(changes: Sequence[Change], values: Sequence[ArrayLike]) -> np.ndarray:
    of_tasks: dict[str, list[ArrayLike]] = {}
    for change, value in zip(changes, values, strict=True):
        of_tasks.setdefault(change.task, []).append(value)
    return np.mean([np.mean(of_task, axis=0) for of_task in of_tasks.values()], axis=0)
