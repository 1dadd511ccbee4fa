import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.metrics.f1_macro import MacroF1
from tfmtl.metrics.metric import confusion_counts


def one_hot(classes, count):
    return np.eye(count, dtype=np.float32)[classes]


def test_is_the_mean_over_classes_that_are_true_or_predicted():
    # F1: class 0 has 2 hits of 2 + 3 occurrences, class 1 has 1 of 2 + 1; class 2 is nowhere.
    targets, predicted = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])
    assert MacroF1()(targets, one_hot(predicted, 3)) == pytest.approx((4 / 5 + 2 / 3) / 2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
def test_of_counts_agrees_with_scikit_learn(pairs):
    targets, predicted = np.array(pairs).T
    value = MacroF1()(targets, one_hot(predicted, 4))
    assert MacroF1().of_counts(confusion_counts(targets, predicted, 4)) == pytest.approx(value)
