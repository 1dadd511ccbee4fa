import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.metrics.matthews import Matthews
from tfmtl.metrics.metric import confusion_counts


def one_hot(classes, count):
    return np.eye(count, dtype=np.float32)[classes]


def test_binary_formula():
    true_positive, true_negative, false_positive, false_negative = 4, 3, 2, 1
    targets = np.repeat([1, 0, 0, 1], [true_positive, true_negative, false_positive, false_negative])
    predicted = np.repeat([1, 0, 1, 0], [true_positive, true_negative, false_positive, false_negative])
    expected = (4 * 3 - 2 * 1) / math.sqrt((4 + 2) * (4 + 1) * (3 + 2) * (3 + 1))
    assert Matthews()(targets, one_hot(predicted, 2)) == pytest.approx(expected)


def test_is_zero_where_one_class_is_always_predicted():
    assert Matthews()(np.array([0, 1, 1]), one_hot([1, 1, 1], 2)) == 0.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
def test_of_counts_agrees_with_scikit_learn(pairs):
    targets, predicted = np.array(pairs).T
    value = Matthews()(targets, one_hot(predicted, 4))
    assert Matthews().of_counts(confusion_counts(targets, predicted, 4)) == pytest.approx(value)
