import numpy as np
import pytest

from tests.balancing.reference import aggregate, assert_common_example, assert_reference, random_gradients


def test_the_common_example_has_the_solution_of_nash_for_an_alpha_of_one():
    root = np.sqrt(2.0)
    assert_common_example("fairgrad", [(root - 1) / np.sqrt(2 - root), 1 / np.sqrt(2 - root)], alpha=1.0)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_reference_matrices_have_the_exact_solution(alpha):
    assert_reference("fairgrad", f"fairgrad_alpha{alpha}", "newton_output", alpha=alpha)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 5.0])
def test_the_weights_solve_their_equation(alpha):
    gradients = random_gradients(5, decades=1.0)
    update = aggregate("fairgrad", gradients, alpha=alpha)
    weights = np.linalg.lstsq(gradients.T, update, rcond=None)[0]
    np.testing.assert_allclose(gradients @ update, weights ** (-1 / alpha), rtol=1e-5)
