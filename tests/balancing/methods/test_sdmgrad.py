import numpy as np
import pytest

from tests.balancing.reference import aggregate, assert_common_example, random_gradients


def test_the_common_example_without_a_pull_is_mgda():
    assert_common_example("sdmgrad", [0.2, 0.4], pull=0.0)


@pytest.mark.parametrize("pull", [0.3, 3.0])
def test_the_weights_minimise_the_published_objective(pull):
    """Its gradient G (g_w + pull g_0) is the same for all tasks with a weight, and larger for those without."""
    gradients = random_gradients(10, tasks=3, size=5)
    mean = gradients.mean(axis=0)
    direction = (1 + pull) * aggregate("sdmgrad", gradients, pull=pull)
    weights = np.linalg.lstsq(gradients.T, direction - pull * mean, rcond=None)[0]
    assert weights.sum() == pytest.approx(1.0, rel=1e-6)
    assert (weights >= -1e-7).all()
    slopes = gradients @ direction
    used = weights > 1e-6
    np.testing.assert_allclose(slopes[used], slopes[used][0], rtol=1e-5)
    assert (slopes[~used] >= slopes[used][0] - 1e-6).all()


def test_a_strong_pull_gives_the_mean():
    gradients = random_gradients(11)
    np.testing.assert_allclose(aggregate("sdmgrad", gradients, pull=1e6), gradients.mean(axis=0), atol=1e-5)
