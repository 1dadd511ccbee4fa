import numpy as np
import pytest

from tfmtl.balancing.conflict import conflict

NAMES = ["a", "b", "c"]


def test_three_gradients_by_hand():
    gradients = np.array([[3.0, 0.0], [0.0, 4.0], [-1.0, 1.0]])
    found = conflict(gradients @ gradients.T, NAMES)
    root = np.sqrt(2.0)
    assert found["cosine/a/b"] == 0.0
    assert found["cosine/a/c"] == pytest.approx(-1 / root)
    assert found["cosine/b/c"] == pytest.approx(1 / root)
    assert found["conflicting_pairs"] == pytest.approx(1 / 3)
    similarities = [2 * 12 / 25, 2 * 3 * root / 11, 2 * 4 * root / 18]
    assert found["magnitude_similarity"] == pytest.approx(np.mean(similarities))
    # Three gradients in a plane: the Gram matrix is singular.
    assert found["condition_number"] == pytest.approx(1e7)


def test_the_condition_number_is_the_square_of_that_of_the_gradients():
    gradients = np.random.default_rng(0).normal(size=[3, 8])
    found = conflict(gradients @ gradients.T, NAMES)
    assert found["condition_number"] == pytest.approx(np.linalg.cond(gradients) ** 2)


def test_a_task_without_a_gradient_takes_no_part():
    gram = np.diag([4.0, 0.0, 1.0])
    assert conflict(gram, NAMES) == {
        "cosine/a/c": 0.0,
        "conflicting_pairs": 0.0,
        "magnitude_similarity": pytest.approx(0.8),
        "condition_number": pytest.approx(4.0),
    }
    assert conflict(np.diag([4.0, 0.0, 0.0]), NAMES) == {}
