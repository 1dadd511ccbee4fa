import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tfmtl.kinds.multi_label.thresholds import best_thresholds


def f1(targets, selected) -> float:
    return f1_score(targets, selected, zero_division=0.0)


def test_a_threshold_lies_midway_between_the_probabilities_that_it_parts():
    targets = np.array([[1], [1], [0], [0]])
    probabilities = np.array([[0.4], [0.3], [0.2], [0.1]], np.float32)
    assert best_thresholds(targets, probabilities).tolist() == [np.float32(0.25)]


def test_one_half_stays_where_nothing_is_better_or_nothing_is_known():
    targets = np.array([[1, 0], [0, 0]])
    probabilities = np.array([[0.9, 0.9], [0.2, 0.1]], np.float32)
    assert best_thresholds(targets, probabilities).tolist() == [0.5, 0.5]


columns = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None)
@given(columns)
def test_no_other_threshold_has_a_better_f1(column):
    targets = np.array([[target] for target, _ in column])
    probabilities = np.array([[score / 20] for _, score in column], np.float32)
    (threshold,) = best_thresholds(targets, probabilities)
    found = f1(targets, probabilities >= threshold)
    others = [f1(targets, probabilities >= other) for other in np.linspace(0.0, 1.0, 41)]
    assert found >= max(others) - 1e-12 or not targets.any()
