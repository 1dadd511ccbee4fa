"""Plots of a comparison as PNG files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tfmtl.reports.comparison.compare import Change, Gain
from tfmtl.reports.comparison.systems import System
from tfmtl.reports.plots import save_figure

_COLUMNS = 3
# The maximum number of points of a curve: more of them, of few rows each, would be noise.
_RECORDS = 40


def plot_convergence(systems: Sequence[System], path: Path) -> None:
    """Draws each task's training loss over the minutes of training: a panel per task, a line per run."""
    tasks = list(dict.fromkeys(task for system in systems for task in system.runs))
    columns = min(_COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.2 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    for axes, task in zip(grid, tasks, strict=False):
        for index, system in enumerate(systems):
            for run in system.runs.get(task, ()):
                minutes, losses = _smoothed(run.training.losses.get(task, []))
                # A short run has only one or two records, of which a line would show nothing.
                marker = "." if len(losses) < 5 else ""
                axes.plot(minutes, losses, color=f"C{index}", linewidth=1.2, marker=marker)
        axes.set_title(task, fontsize=10)
        axes.set_xlabel("minutes of training")
        axes.set_ylabel("training loss")
        axes.grid(alpha=0.3)
        # Shared axes have numbers only in the last row, where not every column has a panel.
        axes.tick_params(labelbottom=True)
    for axes in grid[len(tasks) :]:
        axes.set_axis_off()
    # One legend for all panels, outside them, because it would cover curves.
    lines = [Line2D([], [], color=f"C{index}", label=system.name) for index, system in enumerate(systems)]
    figure.legend(handles=lines, loc="outside lower center", ncols=columns, fontsize=8)
    save_figure(figure, path)


def plot_gains(gain: Gain, path: Path) -> None:
    """Draws the gain of each task's primary metric over the task alone, with 95 % intervals; losses are red."""
    changes = primary_changes(gain)
    figure = Figure(figsize=(6.4, 1.4 + 0.32 * len(changes)), layout="constrained")
    axes = figure.subplots()
    values = [change.difference.value for change in changes]
    low, high = np.transpose([change.difference.interval for change in changes])
    errors = np.maximum([values - low, high - values], 0.0)
    colours = ["tab:red" if change.is_worse else "tab:blue" for change in changes]
    axes.barh([f"{change.task}: {change.metric}" for change in changes], values, xerr=errors, color=colours, alpha=0.8)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel(f"{gain.system.name} less {gain.single.name}")
    axes.grid(axis="x", alpha=0.3)
    save_figure(figure, path)


def primary_changes(gain: Gain) -> list[Change]:
    """Returns the changes of each task's primary metric."""
    return [change for change in gain.changes if change.is_primary]


def _smoothed(losses: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns minutes and losses, averaged over neighbours if there are many."""
    if not losses:
        return np.zeros(0), np.zeros(0)
    parts = np.array_split(np.array(losses), min(_RECORDS, len(losses)))
    means = np.array([part.mean(axis=0) for part in parts])
    return means[:, 0] / 60, means[:, 1]
