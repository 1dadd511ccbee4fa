"""Reliability diagrams: how often statements with a probability are true."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfmtl.metrics.calibration import BINS, Reliability


def reliability_figure(measured: Mapping[str, Reliability]) -> Figure:
    """Draws reliability diagrams side by side: the share of true statements over their probability, in bins.

    A thin bar shows the share of all statements that a bin holds.

    Args:
        measured: what is drawn, by title.
    """
    figure = Figure(figsize=(3.6 * len(measured), 3.8), layout="constrained")
    axes = figure.subplots(1, len(measured), squeeze=False, sharey=True)[0]
    for each, (title, reliability) in zip(axes, measured.items(), strict=True):
        _draw(each, title, reliability)
    axes[0].set_ylabel("share that is true")
    axes[0].legend(fontsize=7, loc="upper left")
    return figure


def before_and_after(before: Reliability | None, after: Reliability) -> dict[str, Reliability]:
    """Returns what is drawn of a task whose probabilities have a temperature, by title."""
    return {"as trained": before, "with the temperature": after} if before else {"probabilities": after}


def calibration_section(plot: str, alt: str, measured: Mapping[str, Any]) -> list[str]:
    """Returns the lines of a report about reliability diagrams.

    Args:
        plot: the path of the plot, from the report.
        alt: what the plot shows.
        measured: what is drawn, by title.
    """
    errors = ", ".join(f"{reliability.error:.4f} {title}" for title, reliability in measured.items())
    return [f"Expected calibration error in {BINS} bins of equal width: {errors}.", "", f"![{alt}]({plot})"]


def _draw(axes: Axes, title: str, reliability: Reliability) -> None:
    width = 1.0 / BINS
    places = (np.arange(BINS) + 0.5) * width
    share = reliability.counts / max(reliability.counts.sum(), 1)
    filled = reliability.counts > 0
    axes.bar(places, reliability.frequency, width=width, color="#4a7fd6", edgecolor="white", label="true")
    axes.bar(places, share, width=0.3 * width, color="#222222", label="share of all")
    axes.plot(
        reliability.probability[filled], reliability.frequency[filled], "o", color="#d65f4a", markersize=3, label="mean"
    )
    axes.plot([0, 1], [0, 1], "k--", linewidth=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.set_title(f"{title}: error {reliability.error:.3f}", fontsize=10)
    axes.set_xlabel("probability")
    axes.grid(alpha=0.3)
