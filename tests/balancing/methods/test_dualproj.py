import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from tests.balancing.reference import (
    aggregate,
    assert_common_example,
    assert_hurts_no_task,
    assert_reference,
    random_gradients,
)


def test_the_common_example_has_the_published_solution():
    assert_common_example("dualproj", [0.0, 0.5])


def test_reference_matrices_have_the_exact_solution():
    assert_reference("dualproj", "dualproj_exact")


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 3.0))
def test_the_update_hurts_no_task(seed, decades):
    assert_hurts_no_task("dualproj", random_gradients(seed, decades=decades))


def test_it_is_the_nearest_to_the_mean_that_hurts_no_task():
    """Against SciPy's non-negative least squares: the projection onto the dual cone is g plus the nearest G' v."""
    gradients = random_gradients(8, tasks=3, size=3)
    mean = gradients.mean(axis=0)
    expected = mean + gradients.T @ nnls(gradients.T, -mean)[0]
    np.testing.assert_allclose(aggregate("dualproj", gradients), expected, rtol=1e-6, atol=1e-8)
