"""The report of a run: `report.md` with its plots, for people."""

from collections.abc import Iterable, Sequence
from functools import singledispatch
from pathlib import Path

import numpy as np

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.markdown import plain, table
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.kinds.task import Task
from tfmtl.metrics.metric import predicted_classes
from tfmtl.metrics.scoring import TaskResult
from tfmtl.reports.plots import plot_confusion, plot_losses, plot_scatter, read_history

_SAMPLES = 5
_TEXT_START = 300


def write_report(folder: str | Path, results: Sequence[TaskResult], split: str) -> Path:
    """Writes `report.md` and `plots/*.png` into a run folder.

    Args:
        folder: the run folder; the loss curves come from its `history.csv`, where there is one.
        results: the answers to each task.
        split: the split that was evaluated.

    Returns:
        the report's path.
    """
    folder = Path(folder)
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    labelled = [result.labelled() for result in results]
    lines = [f"# {plain(folder.resolve().name)}: evaluation on {plain(split)}", "", *_metrics_table(labelled)]
    lines += _training_section(folder)
    for result in labelled:
        lines += ["", f"## {plain(result.task.name)} ({result.task.kind})", ""]
        lines += _section(result.task, result, folder) if len(result.targets) else ["No row has a target."]
    path = folder / "report.md"
    with atomic_write(path) as aside:
        aside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _metrics_table(results: Iterable[TaskResult]) -> list[str]:
    rows = [
        (result.task.name, name, f"{result.metrics[name]:.4f}", "{:.4f} to {:.4f}".format(*interval), len(result.texts))
        for result in results
        for name, interval in result.metrics["intervals"].items()
    ]
    note = "Intervals hold 95 % of the scores of samples of the rows, drawn with replacement (percentile bootstrap)."
    return [*_table(("task", "metric", "value", "95 % interval", "examples"), rows), "", note]


def _training_section(folder: Path) -> list[str]:
    history_path = folder / "history.csv"
    history = read_history(history_path) if history_path.exists() else {}
    if not history:
        return []
    plot_losses(history, folder / "plots" / "losses.png")
    return ["", "## Training", "", "![Loss of train and validation by epoch](plots/losses.png)"]


@singledispatch
def _section(task: Task, result: TaskResult, folder: Path) -> list[str]:
    """Returns the lines about one task; its rows all have a target."""
    raise TypeError(f"no section for {type(task).__name__}")


@_section.register
def _(task: Classification, result: TaskResult, folder: Path) -> list[str]:
    plot = f"plots/{task.name}_confusion.png"
    predicted = predicted_classes(result.predictions)
    plot_confusion(result.targets, predicted, task.labels, folder / plot)
    lines = [f"![Confusion matrix of {task.name}]({plot})", ""]
    confidence = result.predictions[np.arange(len(predicted)), predicted]
    wrong = np.flatnonzero(predicted != result.targets)
    if not len(wrong):
        return [*lines, "Every row is right."]
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:_SAMPLES]
    rows = [
        (result.texts[row], task.labels[result.targets[row]], task.labels[predicted[row]], f"{confidence[row]:.3f}")
        for row in surest
    ]
    return [*lines, "The most confident mistakes:", "", *_table(("text", "true", "predicted", "probability"), rows)]


@_section.register
def _(task: Regression, result: TaskResult, folder: Path) -> list[str]:
    plot = f"plots/{task.name}_scatter.png"
    plot_scatter(result.targets, result.predictions, folder / plot)
    error = np.abs(result.predictions - result.targets)
    rows = [
        (result.texts[row], f"{result.targets[row]:.3f}", f"{result.predictions[row]:.3f}")
        for row in np.argsort(-error, kind="stable")[:_SAMPLES]
    ]
    return [
        f"![Predicted over true numbers of {task.name}]({plot})",
        "",
        "The largest errors:",
        "",
        *_table(("text", "true", "predicted"), rows),
    ]


@_section.register
def _(task: Summarization, result: TaskResult, folder: Path) -> list[str]:
    count = len(result.texts)
    spread = np.unique(np.linspace(0, count - 1, num=min(_SAMPLES, count)).round().astype(int))
    rows = [(result.texts[row], result.targets[row][0], result.predictions[row]) for row in spread]
    return [f"{len(rows)} of {count} rows, evenly spread:", "", *_table(("text", "reference", "generated"), rows)]


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    return table(header, [[plain(cell, _TEXT_START) for cell in row] for row in rows])
