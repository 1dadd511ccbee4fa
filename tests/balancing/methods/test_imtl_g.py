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
    assert_common_example("imtl_g", [3 - 2 * root, root - 1])


def test_reference_matrices_have_the_paper_s_solution():
    """Where gradients are dependent the paper's equations have no single solution."""

    def tolerance(case):
        return 1e-5 if np.linalg.matrix_rank(case["matrix"]) == case["T"] else None

    assert_reference("imtl_g", "imtl_g", "paper_closed_form_output", tolerance)


@pytest.mark.parametrize("decades", [0.0, 3.0])
def test_the_update_has_the_same_projection_onto_all_gradients(decades):
    gradients = random_gradients(2, decades=decades)
    units = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    update = aggregate("imtl_g", gradients)
    projections = units @ update
    np.testing.assert_allclose(projections, projections[0], rtol=1e-5)
    # And it is an affine combination: weights sum to one.
    assert np.linalg.lstsq(gradients.T, update, rcond=None)[0].sum() == pytest.approx(1.0, rel=1e-5)


def test_dependent_rows_give_the_same_in_float32():
    assert_same_in_float32_for_dependent_rows("imtl_g")
