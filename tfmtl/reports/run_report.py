"""The readable report of a run: `report.md` with its plots."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.markdown import plain
from tfmtl.kinds.kind import kind_of
from tfmtl.reports.plots import plot_losses, read_history
from tfmtl.reports.task_result import TaskResult, cells_table


def write_report(folder: str | Path, results: Sequence[TaskResult], split: str, cut: Iterable[str] = ()) -> Path:
    """Writes `report.md` and `plots/*.png` into a run folder.

    Args:
        folder: the run folder; the loss curves come from its `history.csv`, if there is one.
        results: the answers to each task.
        split: the split that was evaluated.
        cut: sentences about texts that lose their end.

    Returns:
        The path of the report.
    """
    folder = Path(folder)
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    labelled = [result.labelled() for result in results]
    lines = [f"# {plain(folder.resolve().name)}: evaluation on {plain(split)}", "", *_metrics_table(labelled)]
    sentences = [f"- {plain(sentence)}" for sentence in cut]
    lines += ["", "## Cut texts", "", *sentences] if sentences else []
    lines += _training_section(folder)
    for result in labelled:
        lines += ["", f"## {plain(result.task.name)} ({result.task.kind})", ""]
        lines += _section(result, folder)
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
    note = "Intervals contain 95 % of the scores of samples of rows, drawn with replacement (percentile bootstrap)."
    return [*cells_table(("task", "metric", "value", "95 % interval", "examples"), rows), "", note]


def _training_section(folder: Path) -> list[str]:
    history_path = folder / "history.csv"
    history = read_history(history_path) if history_path.exists() else {}
    if not history:
        return []
    plot_losses(history, folder / "plots" / "losses.png")
    return ["", "## Training", "", "![Training and validation loss by epoch](plots/losses.png)"]


def _section(result: TaskResult, folder: Path) -> list[str]:
    if not len(result.targets):
        return ["No row has a target."]
    return kind_of(result.task).report_section(result.task, result, folder)
