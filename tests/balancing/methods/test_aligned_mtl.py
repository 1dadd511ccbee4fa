import numpy as np
import pytest

from tests.balancing.reference import aggregate, assert_common_example, assert_reference, random_gradients


@pytest.mark.parametrize(("reduction", "divisor"), [("sum", 10.0), ("mean", 20.0)])
def test_the_common_example_has_the_published_solution(reduction, divisor):
    numerator = 5 - np.sqrt(5.0)
    assert_common_example("aligned_mtl", [numerator / divisor, 3 * numerator / divisor], reduction=reduction)


@pytest.mark.parametrize(
    ("scale", "reduction", "entry"),
    [
        ("min", "sum", "aligned_mtl_min_sum"),
        ("median", "mean", "aligned_mtl_median"),
        ("rmse", "mean", "aligned_mtl_rmse"),
    ],
)
def test_reference_matrices_have_the_exact_solution(scale, reduction, entry):
    def tolerance(case):
        # The reference decides the rank of badly scaled rows by squared singular values, good to 1e-4 there.
        return 1e-3 if case["name"] == "t3_d6_badly_scaled" else 1e-5

    assert_reference("aligned_mtl", entry, tolerance=tolerance, scale=scale, reduction=reduction)


def test_aligned_gradients_are_orthogonal_and_as_long_as_the_least_singular_value():
    """The sum of U V' times the least singular value, from NumPy's decomposition of the gradients themselves."""
    gradients = random_gradients(6)
    left, values, right = np.linalg.svd(gradients, full_matrices=False)
    expected = values[-1] * (left @ right).sum(axis=0)
    np.testing.assert_allclose(aggregate("aligned_mtl", gradients), expected, rtol=1e-7)
