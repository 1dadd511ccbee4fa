"""The choice of tasks to train together, within a budget of models."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from tfmtl.core.errors import UserError

MOST_TASKS = 16


def group_value(affinity: np.ndarray, group: Sequence[int]) -> float:
    """Returns the value of a group: the sum over its tasks of the mean affinity of the other tasks onto each.

    A single task gets no help, so that its value is 0. Pairs that were never measured count as 0.

    Args:
        affinity: the affinities `[from, to]`.
        group: the positions of the tasks.
    """
    if len(group) < 2:
        return 0.0
    inside = np.nan_to_num(affinity[np.ix_(group, group)])
    return float((inside.sum() - np.trace(inside)) / (len(group) - 1))


def best_groups(affinity: np.ndarray, models: int) -> list[list[int]]:
    """Returns the partition of the tasks into at most `models` groups whose values have the largest sum.

    Fifty et al. 2021, section 4.3, with two differences: each task has one model, that of its group, so that groups do
    not overlap; and the best partition is found exactly, as a set-partitioning problem by SciPy's branch and bound.

    Args:
        affinity: the affinities `[from, to]`.
        models: the maximum number of groups.

    Raises:
        UserError: if there are more than 16 tasks, which have too many groups to enumerate.
    """
    count = len(affinity)
    if count > MOST_TASKS:
        raise UserError(f"a grouping of {count} tasks cannot be searched; the maximum is {MOST_TASKS}")
    groups = [list(group) for size in range(1, count + 1) for group in combinations(range(count), size)]
    values = np.array([group_value(affinity, group) for group in groups])
    rows = np.concatenate(groups)
    columns = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    membership = csr_array((np.ones(len(rows)), (rows, columns)), shape=(count, len(groups)))
    # Tiny values would be below the solver's tolerance.
    scale = np.abs(values).max() or 1.0
    solution = milp(
        -values / scale,
        constraints=[
            LinearConstraint(membership, 1, 1),
            LinearConstraint(np.ones([1, len(groups)]), 1, models),
        ],
        integrality=np.ones(len(groups)),
        bounds=Bounds(0, 1),
    )
    return [groups[index] for index in np.flatnonzero(solution.x > 0.5)]
