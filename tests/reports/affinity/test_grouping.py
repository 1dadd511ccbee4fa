import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.core.errors import UserError
from tfmtl.reports.affinity.grouping import best_groups, group_value


def partitions(items):
    """Every partition of a list."""
    if not items:
        yield []
        return
    first, *rest = items
    for partition in partitions(rest):
        for index, group in enumerate(partition):
            yield [*partition[:index], [first, *group], *partition[index + 1 :]]
        yield [[first], *partition]


def test_a_group_is_worth_what_each_task_gets_from_the_others_on_average():
    affinity = np.array([[9.0, 1.0, 2.0], [3.0, 9.0, 4.0], [5.0, 6.0, 9.0]])
    # Onto task 0 come 3 and 5, onto 1 come 1 and 6, onto 2 come 2 and 4.
    assert group_value(affinity, [0, 1, 2]) == pytest.approx((3 + 5) / 2 + (1 + 6) / 2 + (2 + 4) / 2)
    assert group_value(affinity, [0, 2]) == 2 + 5
    assert group_value(affinity, [1]) == 0.0


def test_tasks_that_help_each_other_are_grouped():
    affinity = np.full([5, 5], -1e-4)
    for first, second in itertools.chain(itertools.permutations([0, 3], 2), itertools.permutations([1, 2, 4], 2)):
        affinity[first, second] = 1e-4
    assert sorted(best_groups(affinity, 2)) == [[0, 3], [1, 2, 4]]
    assert sorted(map(len, best_groups(affinity, 1))) == [5]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 6), st.integers(1, 4))
def test_no_partition_within_the_budget_is_better(seed, tasks, models):
    affinity = 1e-3 * np.random.default_rng(seed).normal(size=[tasks, tasks])
    found = best_groups(affinity, models)
    assert sorted(task for group in found for task in group) == list(range(tasks)) and len(found) <= models
    best = max(
        sum(group_value(affinity, group) for group in partition)
        for partition in partitions(list(range(tasks)))
        if len(partition) <= models
    )
    assert sum(group_value(affinity, group) for group in found) == pytest.approx(best, abs=1e-9)


def test_pairs_that_were_never_measured_count_as_nothing():
    affinity = np.array([[0.0, np.nan], [1.0, 0.0]])
    assert group_value(affinity, [0, 1]) == 1.0


def test_too_many_tasks_are_told():
    with pytest.raises(UserError, match="a grouping of 17 tasks cannot be searched; the maximum is 16"):
        best_groups(np.zeros([17, 17]), 2)
