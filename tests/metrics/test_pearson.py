import math

import numpy as np
import pytest

from tfmtl.metrics.pearson import Pearson


def test_formula():
    # Deviations (-1, 0, 1) and (-2, 1, 1): covariance 3, spreads 2 and 6.
    assert Pearson()(np.array([1.0, 2.0, 3.0]), np.array([0.0, 3.0, 3.0])) == pytest.approx(3 / math.sqrt(2 * 6))


@pytest.mark.parametrize(
    ("targets", "predictions"), [([1.0, 2.0], [5.0, 5.0]), ([4.0, 4.0], [1.0, 2.0]), ([1.0], [2.0])]
)
def test_is_zero_where_one_is_constant(targets, predictions):
    assert Pearson()(np.array(targets), np.array(predictions)) == 0.0


def test_tiny_differences_are_differences():
    numbers = np.array([1e-30, 2e-30, 3e-30], np.float32)
    assert Pearson()(np.array([1.0, 2.0, 3.0], np.float32), numbers) == pytest.approx(1.0)
