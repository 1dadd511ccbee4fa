"""Plots as PNG files, drawn without a display and without global state."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import RunError

History = Mapping[str, Sequence[float]]
"""The columns of `history.csv`, with one value per epoch; NaN if an epoch has no value."""

DPI = 120
"""The dots per inch of every plot."""

_COLUMNS = 3


def read_history(path: str | Path) -> dict[str, list[float]]:
    """Reads the columns of a `history.csv`; an empty field is NaN.

    Raises:
        RunError: if a field is not a number; the message gives its place.
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
    """Draws the training and validation losses by epoch: a panel for the total, then one per task.

    Args:
        history: the history, with the columns `epoch`, `loss` and `<task>_loss`, and each loss prefixed with `val_` if
            there was a validation.
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
    save_figure(figure, path)


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, atomically."""
    with atomic_write(path) as aside:
        figure.savefig(aside, dpi=DPI)


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
