"""The measured relations of tasks, read from the file that a training has left."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfmtl.core.errors import RunError
from tfmtl.core.regular_files import parsed_json


@dataclass(frozen=True)
class Relations:
    """The relations of tasks, as means over a training.

    Attributes:
        tasks: the names of the tasks.
        affinity: `[from, to]`, TAG's inter-task affinity; NaN for tasks that were never in the same batch.
        standard_error: the standard error of the affinity, over the measurements with both tasks in the batch,
            `[from, to]`; NaN where there are fewer than two.
        cosine: the cosine of the gradients by the shared parameters, `[tasks, tasks]`.
        conflicts: the share of measurements in which the cosine was negative, `[tasks, tasks]`.
        measurements: the number of measurements.
    """

    tasks: list[str]
    affinity: np.ndarray
    standard_error: np.ndarray
    cosine: np.ndarray
    conflicts: np.ndarray
    measurements: int


def check_interval(path: Path, every: int) -> None:
    """Checks that earlier measurements, if there are any, were made at the same interval.

    Raises:
        RunError: if they were not.
    """
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        before = _interval_of(next(lines, ""))
    if before not in (None, every):
        raise RunError(f"{path}: measured every {before} updates, asked for every {every}; choose another run's folder")


def _interval_of(line: str) -> int | None:
    """Returns the interval that a line gives; `None` if the line is damaged, which `read_relations` reports."""
    try:
        return parsed_json(line)["every"]
    except (KeyError, TypeError, ValueError):
        return None


def read_relations(path: Path, tasks: list[str]) -> Relations:
    """Reads the lines of `tfmtl.training.callbacks.affinity_probe`.

    An interrupted training repeats the measurements after its checkpoint; the last line of each update counts.

    Raises:
        RunError: if there are no lines, or one is damaged.
    """
    try:
        lines = [parsed_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
        by_update = {line["update"]: line for line in lines}
        affinity, gram = (
            np.array([line[key] for line in by_update.values()], float).reshape(-1, len(tasks), len(tasks))
            for key in ("affinity", "gram")
        )
    except FileNotFoundError:
        raise RunError(f"{path}: nothing was measured; train longer, or measure more often") from None
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: damaged ({type(error).__name__}); remove the run and measure again") from None
    norms = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = gram / norms[:, :, None] / norms[:, None, :]
    return Relations(
        tasks,
        _mean(affinity),
        _standard_error(affinity),
        _mean(cosines),
        _mean(np.where(np.isfinite(cosines), (cosines < 0).astype(float), np.nan)),
        len(affinity),
    )


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean of the finite values over the first axis; NaN where there are none."""
    finite = np.isfinite(values)
    counts = finite.sum(axis=0)
    total = np.where(finite, values, 0.0).sum(axis=0)
    return np.divide(total, counts, out=np.full(total.shape, np.nan), where=counts > 0)


def _standard_error(values: np.ndarray) -> np.ndarray:
    """The standard error of the mean of the finite values over the first axis; NaN for fewer than two."""
    counts = np.isfinite(values).sum(axis=0)
    variance = _mean((values - _mean(values)) ** 2)
    return np.sqrt(np.divide(variance, counts - 1, out=np.full(variance.shape, np.nan), where=counts > 1))
