"""Plots as PNG files, drawn without a display and without global state."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfmtl.core.errors import RunError
from tfmtl.metrics.metric import confusion_counts

History = Mapping[str, Sequence[float]]
"""The columns of `history.csv`, an epoch each row; NaN where an epoch has no value."""

_DPI = 120
_COLUMNS = 3
_LARGEST_NUMBERED_MATRIX = 25
_LONGEST_LABEL = 18


def read_history(path: str | Path) -> dict[str, list[float]]:
    """Reads the columns of a `history.csv`; an empty field is NaN.

    Raises:
        RunError: where a field is no number, with its place.
    """
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        column: [_number(row[column], f"{path}:{line}: {column}") for line, row in enumerate(rows, start=2)]
        for column in (rows[0] if rows else ())
    }


def _number(text: str | None, place: str) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError:
        raise RunError(f"{place}: expected a number, found {text!r}") from None


def plot_losses(history: History, path: str | Path) -> None:
    """Draws the loss of train and validation by epoch: a panel for the total, then one a task.

    Args:
        history: has the columns `epoch`, `loss` and `<task>_loss`, and each with `val_` before it where there was a
            validation.
        path: the PNG file.
    """
    panels = {"all tasks": "loss"} | {
        column.removesuffix("_loss"): column
        for column in history
        if column.endswith("_loss") and not column.startswith("val_")
    }
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.0 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (title, column) in zip(grid, panels.items(), strict=False):
        _plot_loss(axes, history, title, column)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    figure.savefig(path, dpi=_DPI)


def _plot_loss(axes: Axes, history: History, title: str, column: str) -> None:
    for name, key, style in (("train", column, "--"), ("validation", f"val_{column}", "-")):
        if key in history:
            axes.plot(history["epoch"], history[key], style, marker=".", label=name)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def plot_confusion(targets: np.ndarray, predicted: np.ndarray, labels: Sequence[str], path: str | Path) -> None:
    """Draws how many rows of each true label (down) got each predicted one (across); the colour is the row's share.

    Args:
        targets: true classes, int `[rows]`.
        predicted: predicted classes, int `[rows]`.
        labels: the label set, in the order of the classes.
        path: the PNG file.
    """
    counts = confusion_counts(targets, predicted, len(labels))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(2.4, 0.42 * len(labels)), 14.0)
    figure = Figure(figsize=(side + 2.6, side + 1.8), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    names = [_short(label) for label in labels]
    size = min(9.0, 9.0 * side / (0.26 * len(labels)))
    text = {"fontsize": size, "parse_math": False}
    axes.set_xticks(range(len(labels)), names, rotation=45, ha="right", rotation_mode="anchor", **text)
    axes.set_yticks(range(len(labels)), names, **text)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(labels) <= _LARGEST_NUMBERED_MATRIX:
        _write_counts(axes, counts, shares)
    figure.colorbar(image, ax=axes, label="share of the true label's rows", shrink=0.8)
    figure.savefig(path, dpi=_DPI)


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=colour, fontsize=7)


def plot_scatter(targets: np.ndarray, predicted: np.ndarray, path: str | Path) -> None:
    """Draws predicted over true numbers, both float `[rows]`, with the line on which they are equal."""
    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.scatter(targets, predicted, s=12, alpha=0.4, edgecolors="none")
    ends = [min(np.min(targets), np.min(predicted)), max(np.max(targets), np.max(predicted))]
    axes.plot(ends, ends, "k--", linewidth=1, label="predicted = true")
    axes.set_xlabel("true")
    axes.set_ylabel("predicted")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=_DPI)


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}\u2026"
