"""A regression task's section of a run's report: predicted against true numbers, and the largest errors."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tfmtl.kinds.regression.options import Regression
from tfmtl.reports.plots import save_figure
from tfmtl.reports.task_result import SAMPLES, TaskResult, cells_table


def section(task: Regression, result: TaskResult, folder: Path) -> list[str]:
    """Returns the lines about one task and draws its numbers."""
    plot = f"plots/{task.name}_scatter.png"
    save_figure(scatter_figure(result.targets, result.predictions), folder / plot)
    error = np.abs(result.predictions - result.targets)
    rows = [
        (result.texts[row], f"{result.targets[row]:.3f}", f"{result.predictions[row]:.3f}")
        for row in np.argsort(-error, kind="stable")[:SAMPLES]
    ]
    return [
        f"![Predicted over true numbers of {task.name}]({plot})",
        "",
        "The largest errors:",
        "",
        *cells_table(("text", "true", "predicted"), rows),
    ]


def scatter_figure(targets: np.ndarray, predicted: np.ndarray) -> Figure:
    """Draws predicted against true numbers, both float `[rows]`, with the line on which they are equal."""
    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.scatter(targets, predicted, s=12, alpha=0.4, edgecolors="none")
    ends = [min(np.min(targets), np.min(predicted)), max(np.max(targets), np.max(predicted))]
    axes.plot(ends, ends, "k--", linewidth=1, label="predicted = true")
    axes.set_xlabel("true")
    axes.set_ylabel("predicted")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure
