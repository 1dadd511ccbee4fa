"""The report of the relations of tasks, for people and for programs: `affinity.md`, `affinity.json` and a heat map."""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.markdown import table
from tfmtl.reports.affinity.grouping import group_value
from tfmtl.reports.affinity.measured import Relations
from tfmtl.reports.plots import save_figure


def write_affinity(folder: Path, relations: Relations, groups: list[list[int]]) -> Path:
    """Writes the three files into a folder; returns the path of `affinity.md`.

    Args:
        folder: the folder for the files.
        relations: the measured relations.
        groups: the proposed groups, as positions of tasks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plot_relations(relations, folder / "affinity.png")
    with atomic_write(folder / "affinity.json") as aside:
        aside.write_text(json.dumps(_as_mapping(relations, groups), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    path = folder / "affinity.md"
    with atomic_write(path) as aside:
        aside.write_text(as_markdown(relations, groups) + "\n", encoding="utf-8")
    return path


def as_markdown(relations: Relations, groups: list[list[int]]) -> str:
    """Returns the matrices as tables, and the proposed groups."""
    tasks = relations.tasks
    listed = "; ".join(", ".join(tasks[task] for task in group) for group in groups)
    value = sum(group_value(relations.affinity, group) for group in groups)
    together = group_value(relations.affinity, range(len(tasks)))
    return "\n".join(
        [
            "# Which tasks belong together",
            "",
            f"Means of {relations.measurements} measurements in one training. Proposed groups, one model each: "
            f"**{listed}**. Their affinity is {1000 * value:.3f}; that of all tasks in one model {1000 * together:.3f} "
            "(in thousandths, as in the table).",
            "",
            _certainty(relations),
            "",
            "## Affinity: by how many thousandths a step for the row's task lowers the loss of the column's task",
            "",
            "With the standard error, if both tasks were in the batch of two or more measurements.",
            "",
            *_matrix(tasks, 1000 * relations.affinity, 1000 * relations.standard_error),
            "",
            "## Cosine of the gradients by the shared parameters",
            "",
            *_matrix(tasks, relations.cosine),
            "",
            "## Share of measurements with a negative cosine",
            "",
            *_matrix(tasks, relations.conflicts),
            "",
            "![Affinity and cosine](affinity.png)",
        ]
    )


def _certainty(relations: Relations) -> str:
    """A readable summary of how many of the affinities between two tasks differ from zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = relations.affinity / relations.standard_error
    pairs = errors[~np.eye(len(errors), dtype=bool) & np.isfinite(errors)]
    return (
        f"Of the {len(pairs)} affinities of one task onto another that were measured twice or more, "
        f"{np.sum(pairs > 2)} are more than two standard errors above zero and {np.sum(pairs < -2)} below it; "
        "chance alone gives one in forty of each. Groups that few of them support are unreliable: measure more often, "
        "or on larger batches."
    )


def plot_relations(relations: Relations, path: Path) -> None:
    """Draws affinities, without each task's effect on itself, and cosines as heat maps; red is harmful."""
    count = len(relations.tasks)
    side = max(3.2, 0.5 * count + 1.6)
    figure = Figure(figsize=(2 * side + 1.5, side), layout="constrained")
    affinity = np.where(np.eye(count, dtype=bool), np.nan, 1000 * relations.affinity)
    for axes, title, values in zip(
        figure.subplots(1, 2), ("affinity, thousandths", "cosine"), (affinity, relations.cosine), strict=True
    ):
        limit = max(np.nanmax(np.abs(values), initial=0.0), 1e-9)
        image = axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit)
        names = [name if len(name) <= 18 else f"{name[:17]}\u2026" for name in relations.tasks]
        axes.set_xticks(range(count), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
        axes.set_yticks(range(count), names, fontsize=8)
        axes.set_xlabel("onto")
        axes.set_ylabel("a step for")
        axes.set_title(title, fontsize=10)
        figure.colorbar(image, ax=axes, shrink=0.8)
    save_figure(figure, path)


def _matrix(tasks: list[str], values: np.ndarray, errors: np.ndarray | None = None) -> list[str]:
    def cell(row: int, column: int) -> str:
        if not np.isfinite(values[row, column]):
            return ""
        known = errors is not None and np.isfinite(errors[row, column])
        return f"{values[row, column]:.3f}" + (f" \u00b1 {errors[row, column]:.3f}" if known else "")

    lines = [[name, *(cell(row, column) for column in range(len(tasks)))] for row, name in enumerate(tasks)]
    return table(["", *tasks], lines)


def _as_mapping(relations: Relations, groups: list[list[int]]) -> dict:
    def plain(matrix: np.ndarray) -> list[list[float | None]]:
        return [[float(value) if np.isfinite(value) else None for value in row] for row in matrix]

    return {
        "tasks": relations.tasks,
        "measurements": relations.measurements,
        "affinity": plain(relations.affinity),
        "standard_error": plain(relations.standard_error),
        "cosine": plain(relations.cosine),
        "conflicts": plain(relations.conflicts),
        "groups": [[relations.tasks[task] for task in group] for group in groups],
    }
