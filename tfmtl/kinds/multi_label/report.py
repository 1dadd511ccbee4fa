"""A multi-label task's section of a run's report: the scores of each label, the calibration, and the worst rows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.special import expit
from sklearn.metrics import precision_recall_fscore_support

from tfmtl.kinds.kind import Answer
from tfmtl.kinds.multi_label.metrics import scored_columns
from tfmtl.kinds.multi_label.options import MultiLabel
from tfmtl.metrics.calibration import Reliability
from tfmtl.reports.plots import save_figure
from tfmtl.reports.reliability import before_and_after, calibration_section, reliability_figure
from tfmtl.reports.task_result import SAMPLES, TaskResult, cells_table


def section(task: MultiLabel, result: TaskResult, folder: Path) -> list[str]:
    """Returns a table of the labels, the most frequent first, the calibration, and the rows with most wrong labels."""
    plot = f"plots/{task.name}_reliability.png"
    for figure in figures(result.targets, result.answer).values():
        save_figure(figure, folder / plot)
    calibration = calibration_section(plot, f"Reliability of {task.name}", _reliability(result.targets, result.answer))
    selected = result.answer["selected"]
    precision, recall, f1, rows = precision_recall_fscore_support(
        result.targets, selected, labels=scored_columns(result.targets), average=None, zero_division=0.0
    )
    table = [
        (task.label_set[k], rows[k], selected[:, k].sum(), f"{precision[k]:.3f}", f"{recall[k]:.3f}", f"{f1[k]:.3f}")
        for k in np.argsort(-rows, kind="stable")
    ]
    header = ("label", "rows", "selected", "precision", "recall", "F1")
    return ["Each label:", "", *cells_table(header, table), "", *calibration, "", *_worst(task, result, selected)]


def figures(targets: np.ndarray, answer: Answer) -> dict[str, Figure]:
    """Returns the reliability diagrams of answers to rows that all have a target."""
    return {"reliability": reliability_figure(_reliability(targets, answer))}


def _reliability(targets: np.ndarray, answer: Answer) -> dict[str, Reliability]:
    """Returns the reliability of each label of each row, also without the temperature if the logits are known."""
    is_true = targets.ravel()
    before = Reliability.of(expit(answer["logits"]).ravel(), is_true) if "logits" in answer else None
    return before_and_after(before, Reliability.of(answer["probabilities"].ravel(), is_true))


def _worst(task: MultiLabel, result: TaskResult, selected: np.ndarray) -> list[str]:
    wrong = (selected != result.targets).sum(axis=1)
    worst = [row for row in np.argsort(-wrong, kind="stable")[:SAMPLES] if wrong[row]]
    if not worst:
        return ["Every row is right."]
    rows = [(result.texts[row], _named(task, result.targets[row]), _named(task, selected[row])) for row in worst]
    return ["The rows with the most wrong labels:", "", *cells_table(("text", "true", "selected"), rows)]


def _named(task: MultiLabel, chosen: Sequence[int]) -> str:
    return ", ".join(label for label, is_chosen in zip(task.label_set, chosen, strict=True) if is_chosen) or "none"
