import numpy as np
import pytest
import tensorflow as tf

from tests.balancing.reference import aggregate, random_gradients, reference_cases
from tfmtl.balancing import get


def test_drawn_signs_are_those_of_the_reference():
    for case in reference_cases():
        entry = case["aggregators"]["graddrop_seed0"]
        uniform = tf.constant(entry["uniforms_drawn"], tf.float64)
        found = get("graddrop").dropped(tf.constant(case["matrix"], tf.float64), uniform)
        np.testing.assert_allclose(found, entry["output"])


def test_each_number_is_the_sum_of_one_sign():
    gradients = random_gradients(0, tasks=5, size=40)
    update = aggregate("graddrop", gradients)
    positive = np.where(gradients > 0, gradients, 0.0).sum(axis=0)
    negative = np.where(gradients < 0, gradients, 0.0).sum(axis=0)
    of_one = np.isclose(update, positive) | np.isclose(update, negative)
    assert of_one.all()
    assert np.isclose(update, positive).any() and np.isclose(update, negative).any()


def test_signs_are_drawn_by_their_share():
    """Of 3 and -1 the positive sign has a share of three quarters."""
    gradients = tf.constant(np.tile([[3.0], [-1.0]], [1, 20_000]))
    update = get("graddrop").aggregate(gradients).numpy()
    assert (update == 3.0).mean() == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / 20_000))
    assert get("graddrop", seed=1).aggregate(gradients).numpy().tolist() != update.tolist()


def test_a_leak_keeps_a_share_of_what_would_be_dropped():
    gradients, uniform = tf.constant(random_gradients(1)), tf.constant(np.linspace(0.05, 0.95, 6))
    parts = [get("graddrop", leak=leak).dropped(gradients, uniform).numpy() for leak in (0.0, 0.25, 1.0)]
    np.testing.assert_allclose(parts[1], 0.75 * parts[0] + 0.25 * parts[2])
    np.testing.assert_allclose(parts[2], gradients.numpy().sum(axis=0))


def test_the_graph_need_not_know_the_size_of_a_gradient():
    method = get("graddrop")
    method.build(2, 3)
    signature = tf.TensorSpec([2, None]), tf.TensorSpec([2]), tf.TensorSpec([2], tf.bool)
    combine = tf.function(method.combine, input_signature=signature, autograph=False)
    update, _ = combine(tf.constant([[1.0, 2.0, 0.0], [3.0, 4.0, -1.0]]), tf.zeros([2]), tf.fill([2], True))
    np.testing.assert_array_equal(update, [4.0, 6.0, -1.0])
