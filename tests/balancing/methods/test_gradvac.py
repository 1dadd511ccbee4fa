import numpy as np
import pytest
import tensorflow as tf

from tests.balancing.reference import assert_common_example, orders_of, reference_cases
from tfmtl.balancing import get


def test_the_common_example_has_the_published_solution():
    """At the first step the wanted cosines are zero, and the projections those of PCGrad."""
    assert_common_example("gradvac", [0.5, 1.5])


def test_three_steps_of_vaccination_are_those_of_the_reference():
    for case in reference_cases():
        entry, count = case["aggregators"]["gradvac_3steps_seed0"], case["T"]
        others = orders_of([range(count)] * count)
        method = get("gradvac", beta=0.5)
        method.build(count, dtype="float64")
        for step, picked in enumerate(entry["perm_indices_into_others"]):
            gradients = np.array(case["matrix"])
            if step == 1:
                gradients[1::2] *= -1
            orders = np.int32([[others[i][k] for k in row] for i, row in enumerate(picked)])
            weights = method.vaccinated(
                tf.constant(gradients @ gradients.T), tf.ones([count], tf.bool), tf.constant(orders)
            )
            # The reference adds 1e-8 to norms, which shows where a norm is 1e-3.
            np.testing.assert_allclose(gradients.T @ weights.numpy(), entry["outputs"][step], rtol=1e-4, atol=1e-7)


def test_two_tasks_are_turned_to_the_wanted_cosine():
    """Equation 4: the first gradient gets so much of the second that their cosine is the wanted one."""
    gradients = np.array([[1.0, 0.0], [0.0, 2.0]])
    method = get("gradvac", beta=0.5)
    method.aggregate(tf.constant([[1.0, 0.0], [1.0, 1.0]], tf.float64))
    wanted = 0.5 * np.sqrt(0.5)
    turned = []
    for first, second in (gradients, gradients[::-1]):
        share = np.linalg.norm(first) * wanted / (np.linalg.norm(second) * np.sqrt(1 - wanted**2))
        turned.append(first + share * second)
        assert turned[-1] @ second / np.linalg.norm(turned[-1]) / np.linalg.norm(second) == pytest.approx(wanted)
    np.testing.assert_allclose(method.aggregate(tf.constant(gradients)), np.sum(turned, axis=0), rtol=1e-9)
