import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.kinds.multi_label.thresholds import label_thresholds, micro_thresholds


def f1(targets, selected) -> float:
    """Twice the hits over the true and the selected rows; scikit-learn's own takes seconds for all the thresholds."""
    total = targets.sum() + selected.sum()
    return 2.0 * (targets * selected).sum() / total if total else 0.0


@pytest.mark.parametrize("choose", [label_thresholds, micro_thresholds])
def test_a_threshold_lies_midway_between_the_probabilities_that_it_parts(choose):
    targets = np.array([[1], [1], [0], [0]])
    probabilities = np.array([[0.4], [0.3], [0.2], [0.1]], np.float32)
    assert choose(targets, probabilities).tolist() == [np.float32(0.25)]


@pytest.mark.parametrize("choose", [label_thresholds, micro_thresholds])
def test_one_half_stays_where_nothing_is_better_or_nothing_is_known(choose):
    targets = np.array([[1, 0], [0, 0]])
    probabilities = np.array([[0.9, 0.9], [0.2, 0.1]], np.float32)
    assert choose(targets, probabilities).tolist() == [0.5, 0.5]
    assert choose(targets * 0, probabilities).tolist() == [0.5, 0.5]


columns = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None)
@given(columns)
def test_no_other_threshold_has_a_better_f1(column):
    targets = np.array([[target] for target, _ in column])
    probabilities = np.array([[score / 20] for _, score in column], np.float32)
    others = [f1(targets, probabilities >= other) for other in np.linspace(0.0, 1.0, 41)]
    for choose in (label_thresholds, micro_thresholds):
        (threshold,) = choose(targets, probabilities)
        assert f1(targets, probabilities >= threshold) >= max(others) - 1e-12 or not targets.any()


cells = st.tuples(*[st.tuples(st.integers(0, 1), st.integers(0, 5))] * 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(cells, min_size=1, max_size=8))
def test_no_other_thresholds_of_all_labels_have_a_better_micro_f1(rows):
    targets = np.array([[target for target, _ in row] for row in rows])
    probabilities = np.array([[score / 5 for _, score in row] for row in rows], np.float32)
    known = targets.any(axis=0)
    found = f1(targets[:, known], (probabilities >= micro_thresholds(targets, probabilities))[:, known])
    for thresholds in itertools.product(np.linspace(0.0, 1.1, 12), repeat=2):
        assert found >= f1(targets[:, known], (probabilities >= np.array(thresholds))[:, known]) - 1e-12


def test_a_rare_label_that_is_not_found_is_selected_everywhere_for_its_own_f1_and_nowhere_for_that_of_all():
    targets = np.zeros([100, 2], np.int32)
    targets[:50, 0] = targets[::25, 1] = 1
    probabilities = np.stack([np.where(targets[:, 0], 0.8, 0.2), np.full(100, 0.04)], axis=1).astype(np.float32)
    assert (probabilities >= label_thresholds(targets, probabilities)).sum(axis=0).tolist() == [50, 100]
    assert (probabilities >= micro_thresholds(targets, probabilities)).sum(axis=0).tolist() == [50, 0]
    # Nor where it is always certain and nearly always wrong.
    probabilities[:, 1] = np.where(targets[:, 1], 0.1, 1.0)
    assert (probabilities >= micro_thresholds(targets, probabilities)).sum(axis=0).tolist() == [50, 0]
