import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.balancing import get

losses_of_tasks = st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=5)


def test_weights_are_the_derivatives_of_the_sum_of_logarithms():
    np.testing.assert_allclose(get("si").weights(tf.constant([1.0, 4.0, 0.1])), [1.0, 0.25, 10.0], rtol=1e-6)
    losses = tf.Variable([0.3, 1.7, 2.9], dtype=tf.float64)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.math.log(losses))
    np.testing.assert_allclose(get("si").weights(losses), tape.gradient(value, losses), rtol=1e-12)


@settings(max_examples=10, deadline=None)
@given(losses_of_tasks, st.floats(0.01, 100.0))
def test_the_weighted_losses_do_not_change_with_the_size_of_a_loss(losses, factor):
    losses = np.array(losses)
    scaled = losses * np.eye(len(losses))[0] * (factor - 1) + losses
    method = get("si")
    np.testing.assert_allclose(method.weights(scaled) * scaled, method.weights(losses) * losses, rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(losses_of_tasks.flatmap(lambda losses: st.tuples(st.just(losses), st.permutations(range(len(losses))))))
def test_the_order_of_the_tasks_does_not_matter(drawn):
    losses, order = np.array(drawn[0]), list(drawn[1])
    weights = get("si").weights(tf.constant(losses)).numpy()
    np.testing.assert_allclose(get("si").weights(tf.constant(losses[order])), weights[order], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_losses_have_finite_weights(dtype):
    weights = get("si").weights(tf.constant([0.0, 1e-6, 1e6], dtype))
    np.testing.assert_allclose(weights, [1e8, 1e6, 1e-6], rtol=1e-6)
    assert weights.dtype == dtype


def test_an_absent_task_weighs_nothing_and_changes_nothing_for_the_others():
    weights = get("si").weights(tf.constant([1.0, 0.0, 4.0]), tf.constant([True, False, True]))
    assert weights.numpy().tolist() == [1.0, 0.0, 0.25]
    assert get("si").weights(tf.zeros([2]), tf.zeros([2], tf.bool)).numpy().tolist() == [0.0, 0.0]


def test_a_graph_is_traced_once():
    method = get("si")
    graph = tf.function(method.weights, autograph=False)
    for losses in ([1.0, 2.0], [2.0, 4.0]):
        np.testing.assert_allclose(graph(tf.constant(losses)), 1.0 / np.array(losses), rtol=1e-6)
    assert graph.experimental_get_tracing_count() == 1
    assert method.variables == []
