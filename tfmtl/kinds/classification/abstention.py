"""Rows that a classification leaves open, because no label is probable enough."""

from collections.abc import Sequence

import numpy as np

from tfmtl.kinds.classification.options import Classification
from tfmtl.metrics.ece import top_class
from tfmtl.reports.task_result import TaskResult, cells_table

ABSTAINED = ""
"""The label of a row that is left open."""

_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def coverage_and_accuracy(
    probability: np.ndarray, is_right: np.ndarray, thresholds: Sequence[float]
) -> list[tuple[float, float]]:
    """Returns, for each threshold, the share of rows that are answered, and the share of these that is right.

    The latter is NaN if no row is answered.

    Args:
        probability: the probability of the most probable label, `[rows]`.
        is_right: whether it is the true one, `[rows]`.
        thresholds: the probabilities below which a row is left open.
    """
    found = []
    for threshold in thresholds:
        answered = probability >= threshold
        right = float(is_right[answered].mean()) if answered.any() else float("nan")
        found.append((float(answered.mean()), right))
    return found


def coverage_section(task: Classification, result: TaskResult) -> list[str]:
    """Returns the lines that say at what coverage the answers have which accuracy."""
    probability, is_right = top_class(result.targets, result.predictions)
    thresholds = sorted({0.0, *_THRESHOLDS, *([task.abstain_below] if task.abstain_below else [])})
    measured = coverage_and_accuracy(probability, is_right, thresholds)
    rows = [
        (f"{threshold:g}", f"{coverage:.4f}", "" if np.isnan(accuracy) else f"{accuracy:.4f}")
        for threshold, (coverage, accuracy) in zip(thresholds, measured, strict=True)
    ]
    lines = []
    if task.abstain_below:
        coverage, accuracy = measured[thresholds.index(task.abstain_below)]
        of_these = "" if np.isnan(accuracy) else f", of which {accuracy:.2%} are right"
        lines = [
            f"With `abstain_below: {task.abstain_below:g}`, {coverage:.2%} of the rows get a label{of_these}. The "
            "metrics above are those of all rows, each with its most probable label.",
            "",
        ]
    header = ("labels from this probability on", "share of rows (coverage)", "accuracy of these rows")
    return [*lines, *cells_table(header, rows)]
