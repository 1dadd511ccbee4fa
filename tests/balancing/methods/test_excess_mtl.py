import numpy as np
import tensorflow as tf

from tests.balancing.reference import aggregate, assert_common_example, reference_cases
from tfmtl.balancing import get


def test_the_common_example_has_the_published_solution():
    """Excess risks of the first step are the sums of absolute numbers, 1 and 2."""
    assert_common_example("excess_mtl", [(1 - np.e) / (1 + np.e), np.e / (1 + np.e)])


def test_three_steps_are_those_of_the_reference():
    for case in reference_cases():
        gradients, method = tf.constant(case["matrix"], tf.float64), get("excess_mtl")
        outputs = case["aggregators"]["excess_mtl_3steps"]["outputs"]
        for factor, expected in zip((1.0, 0.5, 0.25), outputs, strict=True):
            np.testing.assert_allclose(method.aggregate(factor * gradients), expected, rtol=1e-5, atol=1e-9)


def test_a_large_first_excess_risk_gives_a_weight_of_one():
    update = aggregate("excess_mtl", [[1e6, 0.0], [0.0, 1.0]], tf.float32)
    np.testing.assert_allclose(update, [1e6, 0.0])
