import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.balancing.reference import REFERENCE
from tfmtl.balancing import get

SEQUENCES = json.loads(REFERENCE.read_text())["scalarizers"] if REFERENCE.exists() else []
losses_of_tasks = st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=5)


def test_weights_are_the_geometric_mean_by_the_number_of_tasks_and_the_loss():
    np.testing.assert_allclose(get("gls").weights(tf.constant([1.0, 4.0])), [1.0, 0.25], rtol=1e-6)
    losses = np.array([0.2, 1.5, 7.0])
    expected = np.prod(losses) ** (1 / 3) / (3 * losses)
    np.testing.assert_allclose(get("gls").weights(tf.constant(losses)), expected, rtol=1e-12)


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: f"{sequence['T']}_tasks")
def test_weights_are_the_derivatives_of_the_reference(sequence):
    expected = sequence["results"]["gls_geometric_mean"]["d_value_d_loss (= effective task weights)"]
    method = get("gls")
    weights = [method.weights(tf.constant(losses, tf.float64)) for losses in sequence["losses_per_step"]]
    np.testing.assert_allclose(weights, expected, rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(losses_of_tasks)
def test_the_weighted_losses_are_equal_and_sum_to_the_geometric_mean(losses):
    weighted = get("gls").weights(tf.constant(losses, tf.float64)) * losses
    expected = np.exp(np.mean(np.log(losses))) / len(losses)
    np.testing.assert_allclose(weighted, np.full(len(losses), expected), rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(losses_of_tasks.flatmap(lambda losses: st.tuples(st.just(losses), st.permutations(range(len(losses))))))
def test_the_order_of_the_tasks_does_not_matter(drawn):
    losses, order = np.array(drawn[0]), list(drawn[1])
    weights = get("gls").weights(tf.constant(losses)).numpy()
    np.testing.assert_allclose(get("gls").weights(tf.constant(losses[order])), weights[order], rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_losses_have_finite_weights(dtype):
    # The mean of 1e-8 (for 0), 1e-6 and 1e6 is 10^(-8/3).
    weights = get("gls").weights(tf.constant([0.0, 1e-6, 1e6], dtype))
    np.testing.assert_allclose(weights, 10 ** (-8 / 3) / 3 / np.array([1e-8, 1e-6, 1e6]), rtol=1e-5)


def test_many_small_losses_do_not_underflow_in_float32():
    np.testing.assert_allclose(get("gls").weights(tf.fill([20], 1e-6)), np.full(20, 1 / 20), rtol=1e-5)


def test_an_absent_task_weighs_nothing_and_changes_nothing_for_the_others():
    weights = get("gls").weights(tf.constant([1.0, 0.0, 4.0]), tf.constant([True, False, True]))
    np.testing.assert_allclose(weights, [1.0, 0.0, 0.25], rtol=1e-6)
    assert get("gls").weights(tf.zeros([2]), tf.zeros([2], tf.bool)).numpy().tolist() == [0.0, 0.0]


def test_a_graph_is_traced_once():
    method = get("gls")
    graph = tf.function(method.weights, autograph=False)
    for losses in ([1.0, 4.0], [4.0, 16.0]):
        np.testing.assert_allclose(graph(tf.constant(losses)), [1.0, 0.25], rtol=1e-6)
    assert graph.experimental_get_tracing_count() == 1
    assert method.variables == []
