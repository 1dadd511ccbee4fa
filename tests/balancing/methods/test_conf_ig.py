import numpy as np
import pytest

from tests.balancing.reference import (
    aggregate,
    assert_common_example,
    assert_reference,
    assert_same_in_float32_for_dependent_rows,
    random_gradients,
)


def test_the_common_example_has_the_published_solution():
    root = np.sqrt(2.0)
    assert_common_example("config", [root / 4, (2 + root) / 4])


def test_reference_matrices_have_the_exact_solution():
    assert_reference("config", "config")


@pytest.mark.parametrize("decades", [0.0, 3.0])
def test_it_has_the_same_angle_to_all_gradients_and_the_length_of_their_projections(decades):
    gradients = random_gradients(9, decades=decades)
    update = aggregate("config", gradients)
    length = np.linalg.norm(update)
    cosines = gradients @ update / np.linalg.norm(gradients, axis=1) / length
    np.testing.assert_allclose(cosines, cosines[0], rtol=1e-5)
    assert cosines[0] > 0
    assert length == pytest.approx((gradients @ update / length).sum(), rel=1e-6)


def test_dependent_rows_give_the_same_in_float32():
    assert_same_in_float32_for_dependent_rows("config")
