"""Figures as images for TensorBoard."""

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_DPI = 80
_LARGEST_NUMBERED = 12


def image_of(figure: Figure) -> np.ndarray:
    """Returns a drawn figure, uint8 `[1, height, width, 3]`."""
    figure.set_dpi(_DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[None, ..., :3]


def cosine_map(gram: np.ndarray, tasks: Sequence[str]) -> Figure | None:
    """Returns a heat map of the cosines between gradients; `None` if fewer than two tasks have one.

    Args:
        gram: the inner products of the gradients, `[tasks, tasks]`.
        tasks: the names of the tasks; those whose gradient is zero are left out.
    """
    present = np.flatnonzero(np.diag(gram) > 0)
    if len(present) < 2:
        return None
    norms = np.sqrt(np.diag(gram)[present].astype(np.float64))
    cosines = gram[np.ix_(present, present)] / np.outer(norms, norms)
    names = [tasks[task] for task in present]
    side = min(max(2.4, 0.5 * len(names)), 10.0)
    figure = Figure(figsize=(side + 2.2, side + 1.2), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(cosines, cmap="RdBu", vmin=-1.0, vmax=1.0)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    for row, column in np.ndindex(cosines.shape) if len(names) <= _LARGEST_NUMBERED else ():
        value = cosines[row, column]
        colour = "white" if abs(value) > 0.6 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(image, ax=axes, label="cosine of the gradients", shrink=0.8)
    return figure
