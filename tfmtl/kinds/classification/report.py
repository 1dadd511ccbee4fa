"""A classification task's section of a run's report: confusions, calibration, coverage, and confident mistakes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import softmax

from tfmtl.core.markdown import plain
from tfmtl.kinds.classification.abstention import coverage_section
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import Answer
from tfmtl.metrics.calibration import Reliability
from tfmtl.metrics.ece import top_class
from tfmtl.metrics.metric import confusion_counts, predicted_classes
from tfmtl.reports.fonts import drawable
from tfmtl.reports.plots import save_figure
from tfmtl.reports.reliability import before_and_after, calibration_section, reliability_figure
from tfmtl.reports.task_result import SAMPLES, TaskResult, cells_table

_LARGEST_NUMBERED_MATRIX = 25
_LONGEST_LABEL = 18


def section(task: Classification, result: TaskResult, folder: Path) -> list[str]:
    """Returns the lines about one task and draws its plots."""
    plots = {name: f"plots/{task.name}_{name}.png" for name in ("confusion", "reliability")}
    for name, figure in figures(task, result.targets, result.answer).items():
        save_figure(figure, folder / plots[name])
    probabilities = result.predictions
    predicted = predicted_classes(probabilities)
    lines = [f"![Confusion matrix of {task.name}]({plots['confusion']})", "", *_numbered(task.labels)]
    measured = _reliability(result.targets, result.answer)
    lines += [*calibration_section(plots["reliability"], f"Reliability of {task.name}", measured), ""]
    lines += [*coverage_section(task, result), ""]
    confidence = probabilities[np.arange(len(predicted)), predicted]
    wrong = np.flatnonzero(predicted != result.targets)
    if not len(wrong):
        return [*lines, "Every row is right."]
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:SAMPLES]
    rows = [
        (result.texts[row], task.labels[result.targets[row]], task.labels[predicted[row]], f"{confidence[row]:.3f}")
        for row in surest
    ]
    header = ("text", "true", "predicted", "probability")
    return [*lines, "The most confident mistakes:", "", *cells_table(header, rows)]


def figures(task: Classification, targets: np.ndarray, answer: Answer) -> dict[str, Figure]:
    """Returns the confusion matrix and the reliability diagrams of answers to rows that all have a label."""
    predicted = predicted_classes(answer["probabilities"])
    return {
        "confusion": confusion_figure(targets, predicted, task.labels),
        "reliability": reliability_figure(_reliability(targets, answer)),
    }


def _reliability(targets: np.ndarray, answer: Answer) -> dict[str, Reliability]:
    """Returns the reliability of the most probable class, also without the temperature if the logits are known."""
    before = Reliability.of(*top_class(targets, softmax(answer["logits"], axis=1))) if "logits" in answer else None
    return before_and_after(before, Reliability.of(*top_class(targets, answer["probabilities"])))


def _numbered(labels: Sequence[str]) -> list[str]:
    """Returns a line that names the labels that the plot shows by their numbers, for want of a font."""
    drawn, _ = drawable([_short(label) for label in labels])
    numbered = [f"{name} {plain(label)}" for name, label in zip(drawn, labels, strict=True) if name != _short(label)]
    return [f"No installed font has the characters of: {', '.join(numbered)}.", ""] if numbered else []


def confusion_figure(targets: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> Figure:
    """Draws the number of rows for each true label (vertical) and predicted label (horizontal).

    Colours show the share of the rows of a true label.

    Args:
        targets: the true classes, int `[rows]`.
        predicted: the predicted classes, int `[rows]`.
        labels: the label set, in the order of the classes.
    """
    counts = confusion_counts(targets, predicted, len(labels))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(2.4, 0.42 * len(labels)), 14.0)
    figure = Figure(figsize=(side + 2.6, side + 1.8), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    names, families = drawable([_short(label) for label in labels])
    size = min(9.0, 9.0 * side / (0.26 * len(labels)))
    text = {"fontsize": size, "fontfamily": families, "parse_math": False}
    axes.set_xticks(range(len(labels)), names, rotation=45, ha="right", rotation_mode="anchor", **text)
    axes.set_yticks(range(len(labels)), names, **text)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(labels) <= _LARGEST_NUMBERED_MATRIX:
        _write_counts(axes, counts, shares)
    figure.colorbar(image, ax=axes, label="share of the true label's rows", shrink=0.8)
    return figure


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=colour, fontsize=7)


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}\u2026"
