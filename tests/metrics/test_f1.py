import numpy as np
import pytest

from tfmtl.core.errors import ConfigurationError
from tfmtl.kinds.classification.options import Classification
from tfmtl.metrics.f1 import F1


def one_hot(classes, count):
    return np.eye(count, dtype=np.float32)[classes]


def test_is_the_harmonic_mean_of_precision_and_recall_of_the_second_label():
    # Two hits, one false alarm, two misses: precision 2/3, recall 2/4.
    targets, predicted = np.array([1, 1, 1, 1, 0, 0]), np.array([1, 1, 0, 0, 1, 0])
    assert F1()(targets, one_hot(predicted, 2)) == pytest.approx(2 * (2 / 3) * (1 / 2) / (2 / 3 + 1 / 2))


def test_is_zero_where_the_positive_class_is_nowhere():
    assert F1()(np.array([0, 0]), one_hot([0, 0], 2)) == 0.0
    assert F1().of_counts(np.array([[2, 0], [0, 0]])) == 0.0


def test_of_counts_takes_many_matrices():
    # Rows: true 0 and 1; columns: predicted 0 and 1.
    counts = np.array([[[1, 1], [2, 2]], [[3, 0], [0, 4]]])
    np.testing.assert_allclose(F1().of_counts(counts), [4 / 7, 1.0])


def test_refuses_three_labels():
    task = Classification(name="nli", source="s", labels=("a", "b", "c"))
    assert F1().objection(task) == "needs two labels, found 3; 'f1_macro' takes any number"
    assert F1().objection(task.model_copy(update={"labels": ("a", "b")})) is None
    assert F1().objection(task.model_copy(update={"labels": None})) is None
    with pytest.raises(ConfigurationError, match="needs two labels, found 3"):
        F1()(np.array([0]), one_hot([0], 3))
