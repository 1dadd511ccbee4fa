import numpy as np
import tensorflow as tf

from tests.balancing.reference import aggregate, assert_common_example, orders_of, random_gradients, reference_cases
from tfmtl.balancing import get


def test_the_common_example_has_the_published_solution():
    assert_common_example("pcgrad", [0.5, 1.5])


def test_projections_in_given_orders_are_those_of_the_reference():
    for case in reference_cases():
        gradients, count = np.array(case["matrix"]), case["T"]
        gram = tf.constant(gradients @ gradients.T)
        for key, table in (
            ("pcgrad_fixed_order", [range(count)] * count),
            ("pcgrad_seed0", case["aggregators"]["pcgrad_seed0"]["orders_drawn"]),
        ):
            weights = get("pcgrad").projected(gram, tf.constant(orders_of(table))).numpy()
            np.testing.assert_allclose(gradients.T @ weights, case["aggregators"][key]["output"], rtol=1e-9)


def test_gradients_without_a_conflict_are_summed():
    gradients = np.abs(random_gradients(0))
    np.testing.assert_allclose(aggregate("pcgrad", gradients), gradients.sum(axis=0))


def test_orders_are_drawn_anew_at_each_step_and_alike_for_a_seed():
    gradients = tf.constant(random_gradients(6, tasks=5, size=3))
    sequences = []
    for seed in (0, 0, 1):
        method = get("pcgrad", seed=seed)
        sequences.append(np.stack([method.aggregate(gradients).numpy() for _ in range(6)]))
    np.testing.assert_array_equal(sequences[0], sequences[1])
    assert np.abs(sequences[0] - sequences[2]).max() > 1e-3
    assert len(np.unique(np.round(sequences[0], 9), axis=0)) > 1
