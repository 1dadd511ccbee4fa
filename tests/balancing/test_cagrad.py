import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.balancing.reference import aggregate, assert_common_example, assert_reference, random_gradients


@pytest.mark.parametrize(("rescale", "divisor"), [("none", 1.0), ("square", 1.25), ("linear", 1.5)])
def test_the_common_example_has_the_published_solution(rescale, divisor):
    assert_common_example("cagrad", [0.25 / divisor, 0.5 / divisor], c=0.5, rescale=rescale)


@pytest.mark.parametrize(("c", "rescale", "field"), [(0.4, "none", 0), (0.5, "square", 1), (1.0, "linear", 2)], ids=str)
def test_reference_matrices_have_the_exact_solution(c, rescale, field):
    assert_reference("cagrad", f"cagrad_c{c}", f"scipy_output_rescale{field}", c=c, rescale=rescale)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 0.9))
def test_no_direction_so_near_the_mean_helps_the_least_helped_more(seed, c):
    """The problem before its dual, as the paper states it: no other vector of the ball is better."""
    gradients = random_gradients(seed, tasks=3, size=4)
    mean, update = gradients.mean(axis=0), aggregate("cagrad", gradients, c=c)
    radius = c * np.linalg.norm(mean)
    assert np.linalg.norm(update - mean) <= radius * (1 + 1e-6)
    directions = np.random.default_rng(seed).normal(size=[200, 4])
    others = mean + radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    assert (gradients @ update).min() >= (others @ gradients.T).min(axis=1).max() - 1e-7


def test_without_freedom_it_is_the_mean():
    gradients = random_gradients(3)
    np.testing.assert_allclose(aggregate("cagrad", gradients, c=0.0), gradients.mean(axis=0), atol=1e-12)
