import math

import numpy as np
import pytest

from tfmtl.metrics.spearman import Spearman


def test_sees_the_order_alone():
    assert Spearman()(np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 1000.0])) == pytest.approx(1.0)
    # One pair of neighbours swapped: 1 - 6 * (1 + 1) / (4 * (4^2 - 1)).
    assert Spearman()(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 4.0, 3.0])) == pytest.approx(0.8)


def test_ties_share_their_mean_rank():
    # Ranks (1, 2, 3) and (1, 2.5, 2.5): covariance 1.5, spreads 2 and 1.5.
    assert Spearman()(np.array([1.0, 2.0, 3.0]), np.array([0.0, 3.0, 3.0])) == pytest.approx(1.5 / math.sqrt(2 * 1.5))


@pytest.mark.parametrize(
    ("targets", "predictions"), [([1.0, 2.0], [5.0, 5.0]), ([4.0, 4.0], [1.0, 2.0]), ([1.0], [2.0])]
)
def test_is_zero_where_one_is_constant(targets, predictions):
    assert Spearman()(np.array(targets), np.array(predictions)) == 0.0
