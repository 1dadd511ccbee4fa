import numpy as np
import pytest

from tests.balancing.reference import aggregate, assert_common_example, assert_reference, random_gradients


def test_the_common_example_has_the_published_solution():
    root = np.sqrt(2.0)
    assert_common_example("nash_mtl", [(root - 1) / np.sqrt(2 - root), 1 / np.sqrt(2 - root)])


def test_reference_matrices_have_the_exact_solution():
    assert_reference("nash_mtl", "nash_mtl_exact")


def test_the_weights_solve_their_equation_where_tasks_conflict():
    for seed in range(20):
        gradients = random_gradients(seed, decades=3.0)
        update = aggregate("nash_mtl", gradients)
        weights = np.linalg.lstsq(gradients.T, update, rcond=None)[0]
        np.testing.assert_allclose(gradients @ update * weights, 1.0, rtol=1e-5)


def test_the_length_does_not_follow_that_of_the_gradients():
    """The length of the update is the root of the number of tasks."""
    for scale in (1e-6, 1.0, 1e6):
        update = aggregate("nash_mtl", scale * random_gradients(4))
        assert np.linalg.norm(update) == pytest.approx(2.0, rel=1e-6)
