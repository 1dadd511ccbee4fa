import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.balancing.reference import aggregate, assert_common_example, assert_reference, random_gradients


def test_the_common_example_has_the_published_solution():
    assert_common_example("mgda", [0.2, 0.4])


def test_reference_matrices_have_the_exact_solution():
    assert_reference("mgda", "mgda_exact")


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 3.0))
def test_the_update_is_the_shortest_vector_of_the_hull(seed, decades):
    """That of all corners g satisfy g.d >= d.d, and no other vector of the hull does."""
    gradients = random_gradients(seed, decades=decades)
    update = aggregate("mgda", gradients)
    norms = np.linalg.norm(gradients, axis=1)
    assert (gradients @ update >= update @ update - 1e-7 * norms * norms.max()).all()


@pytest.mark.parametrize("cosine", [-0.9, 0.0, 0.5])
def test_two_tasks_have_the_closed_form(cosine):
    first, second = np.array([1.0, 0.0]), 3.0 * np.array([cosine, np.sqrt(1 - cosine**2)])
    weight = np.clip((second - first) @ second / ((first - second) @ (first - second)), 0.0, 1.0)
    np.testing.assert_allclose(aggregate("mgda", [first, second]), weight * first + (1 - weight) * second, atol=1e-7)


def test_opposite_gradients_cancel():
    np.testing.assert_allclose(aggregate("mgda", [[1.0, 2.0], [-2.0, -4.0]]), [0.0, 0.0], atol=1e-7)
