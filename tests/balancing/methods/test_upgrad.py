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
    assert_common_example("upgrad", [0.25, 0.75])


def test_reference_matrices_have_the_exact_solution():
    assert_reference("upgrad", "upgrad_exact")


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 3.0))
def test_the_update_hurts_no_task(seed, decades):
    assert_hurts_no_task("upgrad", random_gradients(seed, decades=decades))


def test_gradients_without_a_conflict_are_averaged():
    gradients = np.abs(random_gradients(0))
    np.testing.assert_allclose(aggregate("upgrad", gradients), gradients.mean(axis=0), rtol=1e-6)


def test_each_projection_is_the_nearest_vector_that_hurts_no_task():
    """Against SciPy's non-negative least squares: the projection onto the dual cone is g plus the nearest G' v."""
    gradients = random_gradients(7, tasks=3, size=3)
    projected = [gradient + gradients.T @ nnls(gradients.T, -gradient)[0] for gradient in gradients]
    np.testing.assert_allclose(aggregate("upgrad", gradients), np.mean(projected, axis=0), rtol=1e-6, atol=1e-8)
