"""The report of a comparison, for people and for programs: `comparison.md` with its plots, and `comparison.json`."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.markdown import plain, table
from tfmtl.reports.comparison.compare import Change, Comparison, Gain, MeanChange
from tfmtl.reports.comparison.plots import plot_convergence, plot_gains
from tfmtl.reports.comparison.reference import Reference
from tfmtl.reports.comparison.reference_report import reference_section
from tfmtl.reports.comparison.systems import System


def write_comparison(folder: Path, comparison: Comparison) -> Path:
    """Writes `comparison.md`, `comparison.json` and the plots into a folder; returns the path of the first.

    Files of an earlier comparison there are replaced; plots of gains that this one lacks are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in folder.glob("gains_*.png"):
        earlier.unlink()
    plot_convergence(comparison.systems, folder / "convergence.png")
    for number, gain in enumerate(comparison.gains):
        plot_gains(gain, folder / f"gains_{number}.png")
    with atomic_write(folder / "comparison.json") as aside:
        aside.write_text(json.dumps(as_mapping(comparison), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    path = folder / "comparison.md"
    with atomic_write(path) as aside:
        aside.write_text(as_markdown(comparison) + "\n", encoding="utf-8")
    return path


def as_markdown(comparison: Comparison) -> str:
    """Returns the whole comparison as tables."""
    lines = [f"# Comparison on {comparison.split}", ""]
    lines += [f"**{plain(warning)}**\n" for warning in comparison.warnings]
    lines += [*_table(["task", "metric", *(system.name for system in comparison.systems)], _scores(comparison)), ""]
    lines += ["With the 95 % bootstrap interval over rows; for several trainings, mean and standard deviation.", ""]
    lines += [*_table(["system", *_COSTS], [_cost(system) for system in comparison.systems]), ""]
    if comparison.ranks:
        ranked = sorted(comparison.ranks.items(), key=lambda item: item[1])
        lines += ["Mean rank over the tasks that all have, by their primary metrics: "]
        lines[-1] += ", ".join(f"{plain(name)} {rank:.2f}" for name, rank in ranked) + ".\n"
    for number, gain in enumerate(comparison.gains):
        lines += _gain_section(number, gain)
    for name, changes in comparison.differences.items():
        if changes:
            lines += [
                f"## {plain(name)} minus {plain(comparison.systems[0].name)}",
                "",
                f"Mean of the tasks by their primary metrics: {_mean(MeanChange.of_primary(changes))}.",
                "",
                *_changes_table(changes, ""),
                "",
            ]
    if comparison.reference:
        lines += reference_section(comparison.reference, comparison.systems)
        lines += _baseline_differences(comparison)
    note = f"Intervals and p-values are of {comparison.samples} samples of paired rows: "
    note += "bootstrap, and approximate randomization."
    return "\n".join([*lines, note, "", "![Loss over time](convergence.png)"])


def as_mapping(comparison: Comparison) -> dict[str, Any]:
    """Returns the whole comparison as JSON values."""
    return {
        "split": comparison.split,
        "samples": comparison.samples,
        "systems": {
            system.name: {
                "runs": [run.path for run in system.members],
                "tasks": {
                    task: {metric: system.scores(task, metric) for metric in runs[0].experiment.tasks[task].all_metrics}
                    for task, runs in system.runs.items()
                },
                "cost": dict(zip(_COSTS, _costs(system), strict=True)),
            }
            for system in comparison.systems
        },
        "mean_ranks": comparison.ranks,
        "gains": [
            {
                "system": gain.system.name,
                "single_task": gain.single.name,
                "delta": gain.delta,
                "absolute_delta": _mean_mapping(gain.absolute),
                "primary_delta": _mean_mapping(MeanChange.of_primary(gain.changes)),
                "changes": [_change(change) for change in gain.changes],
            }
            for gain in comparison.gains
        ],
        "differences": {
            name: [_change(change) for change in changes] for name, changes in comparison.differences.items()
        },
        "reference": _reference(comparison.reference) if comparison.reference else None,
        "baseline_differences": {
            name: [_change(change) for change in changes] for name, changes in comparison.baseline_differences.items()
        },
        "warnings": comparison.warnings,
    }


def _reference(reference: Reference) -> dict[str, Any]:
    return {"baselines": reference.baselines, "seen_rows": reference.seen_rows, "unseen": reference.unseen}


def _mean_mapping(mean: MeanChange) -> dict[str, Any]:
    return {"value": mean.value, "interval": list(mean.interval)}


def _change(change: Change) -> dict[str, Any]:
    difference = change.difference
    return {
        "task": change.task,
        "metric": change.metric,
        "before": change.before,
        "difference": difference.value,
        "relative": change.relative,
        "interval": list(difference.interval),
        "p_value": difference.p_value,
        "is_worse": change.is_worse,
    }


def _scores(comparison: Comparison) -> Iterable[list[str]]:
    described = {task: runs[0] for system in comparison.systems for task, runs in system.runs.items()}
    for task, run in described.items():
        for metric in run.experiment.tasks[task].all_metrics:
            yield [task, metric, *(_score(system, task, metric) for system in comparison.systems)]
    if len(described) > 1:
        primary = {task: run.experiment.tasks[task].primary for task, run in described.items()}
        yield ["mean of the tasks", "primary", *(_mean_score(system, primary) for system in comparison.systems)]


def _mean_score(system: System, primary: Mapping[str, str]) -> str:
    if system.runs.keys() != primary.keys():
        return ""
    means = np.mean([system.scores(task, metric) for task, metric in primary.items()], axis=0)
    return f"{means[0]:.4f}" if len(means) == 1 else f"{np.mean(means):.4f} ± {np.std(means, ddof=1):.4f}"


def _score(system: System, task: str, metric: str) -> str:
    if task not in system.runs:
        return ""
    scores = system.scores(task, metric)
    if len(scores) > 1:
        return f"{np.mean(scores):.4f} ± {np.std(scores, ddof=1):.4f}"
    low, high = system.runs[task][0].metrics[task]["intervals"][metric]
    return f"{scores[0]:.4f} ({low:.4f} to {high:.4f})"


_COSTS = ("parameters", "updates", "rows read", "seconds of training", "tokens/s", "ms a text")


def _costs(system: System) -> list[float | None]:
    """Sums over the runs of one seed, all of which make up a system of single tasks; for speeds, the median."""
    seeds = max(len(runs) for runs in system.runs.values())
    members = system.members
    totals = [
        sum(values) / seeds
        for values in zip(
            *((run.parameters, run.training.updates, run.rows_read, run.training.seconds) for run in members),
            strict=True,
        )
    ]
    speeds = [run.training.tokens_per_second for run in members if run.training.tokens_per_second is not None]
    speed = statistics.median(speeds) if speeds else None
    return [*totals, speed, sum(run.milliseconds for run in members) / seeds]


def _cost(system: System) -> list[str]:
    parameters, updates, rows, seconds, speed, milliseconds = _costs(system)
    return [
        system.name,
        f"{parameters:,.0f}",
        f"{updates:,.0f}",
        f"{rows:,.0f}",
        f"{seconds:,.0f}",
        "" if speed is None else f"{speed:,.0f}",
        f"{milliseconds:.1f}",
    ]


def _mean(mean: MeanChange) -> str:
    low, high = mean.interval
    return f"{mean.value:+.4f} ({low:+.4f} to {high:+.4f})"


def _gain_section(number: int, gain: Gain) -> list[str]:
    delta = (
        "not defined, because a score of a single task is zero or below" if gain.delta is None else f"{gain.delta:+.2%}"
    )
    worse = [f"{plain(change.task)} ({change.metric})" for change in gain.changes if change.is_worse]
    return [
        f"## {plain(gain.system.name)}: gain over {plain(gain.single.name)}",
        "",
        f"Relative, mean of the tasks (Delta_p): **{delta}**; absolute: **{_mean(gain.absolute)}**; by the primary "
        f"metrics alone: **{_mean(MeanChange.of_primary(gain.changes))}**.",
        f"Negative transfer, the whole interval below zero: {', '.join(worse) or 'none'}.",
        "",
        *_changes_table(gain.changes, "negative transfer"),
        "",
        f"![Gain of each task](gains_{number}.png)",
        "",
    ]


def _baseline_differences(comparison: Comparison) -> list[str]:
    first = comparison.systems[0]
    rows = [
        [name, str(len(changes)), _mean(MeanChange.of(changes))]
        for name, changes in comparison.baseline_differences.items()
        if changes
    ]
    header = ["baseline", "tasks", "mean of the tasks by their primary metrics"]
    return [f"## Baselines minus {plain(first.name)}", "", *_table(header, rows), ""]


def _changes_table(changes: Sequence[Change], flag: str) -> list[str]:
    header = ["task", "metric", "before", "difference", "95 % interval", "relative", "p", *([flag] if flag else [])]
    rows = []
    for change in changes:
        low, high = change.difference.interval
        relative = "" if change.relative is None else f"{change.relative:+.1%}"
        row = [change.task, change.metric, f"{change.before:.4f}", f"{change.difference.value:+.4f}"]
        row += [f"{low:+.4f} to {high:+.4f}", relative, f"{change.difference.p_value:.3f}"]
        rows.append([*row, *(["yes" if change.is_worse else ""] if flag else [])])
    return _table(header, rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return table([plain(cell) for cell in header], [[plain(cell) for cell in row] for row in rows])
