import numpy as np
import pytest

from tests.balancing.reference import aggregate, assert_common_example, random_gradients


def test_two_tasks_always_have_equal_weights():
    """Each has one other, and their cosine is the same from both sides."""
    assert_common_example("cosine_alignment", [0.0, 1.0])


@pytest.mark.parametrize(("favour", "sign"), [("aligned", -1.0), ("different", 1.0)])
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_weights_are_a_softmax_of_mean_distances(favour, sign, temperature):
    gradients = random_gradients(12)
    units = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    distances = (1 - units @ units.T).sum(axis=1) / 3
    shares = np.exp(sign * distances / temperature)
    expected = 4 * shares / shares.sum() @ gradients
    np.testing.assert_allclose(
        aggregate("cosine_alignment", gradients, favour=favour, temperature=temperature), expected
    )
