import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.balancing.reference import REFERENCE
from tfmtl.balancing import get
from tfmtl.core.errors import ConfigurationError

SEQUENCES = json.loads(REFERENCE.read_text())["scalarizers"] if REFERENCE.exists() else []
LOSSES = np.random.default_rng(3).uniform(0.1, 3.0, (14, 3))


def published(last, before_last, temperature=2.0):
    """Equation 7."""
    shares = np.exp(np.asarray(last) / np.asarray(before_last) / temperature)
    return len(shares) * shares / shares.sum()


def run(method, losses):
    return np.array([method.weights(tf.constant(row)) for row in losses])


def test_a_task_whose_loss_fell_more_weighs_less():
    weights = run(get("dwa"), [[2.0, 2.0], [1.0, 2.0], [5.0, 0.1]])
    np.testing.assert_allclose(weights[:2], np.ones((2, 2)))
    np.testing.assert_allclose(weights[2], [0.875647, 1.124353], atol=1e-6)


def test_the_temperature_divides_the_ratios():
    weights = run(get("dwa", temperature=0.5), [[2.0, 2.0], [1.0, 2.0], [1.0, 1.0]])
    np.testing.assert_allclose(weights[2], published([1.0, 2.0], [2.0, 2.0], 0.5), rtol=1e-6)


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: f"{sequence['T']}_tasks")
def test_weights_are_those_of_the_reference(sequence):
    expected = sequence["results"]["dwa_T2_one_batch_per_epoch"]["weights_per_epoch"]
    weights = run(get("dwa"), np.array(sequence["losses_per_step"]))
    np.testing.assert_allclose(weights[: len(expected)], expected, rtol=1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_the_means_are_those_of_epochs(dtype, tolerance):
    method = get("dwa")
    method.build(3, updates_per_epoch=4, dtype=dtype)
    weights = run(method, LOSSES.astype(dtype))
    means = LOSSES[:12].reshape(3, 4, 3).mean(axis=1)
    np.testing.assert_allclose(weights[:8], np.ones((8, 3)), rtol=tolerance)
    np.testing.assert_allclose(weights[8:12], np.tile(published(means[1], means[0]), (4, 1)), rtol=tolerance)
    np.testing.assert_allclose(weights[12:], np.tile(published(means[2], means[1]), (2, 1)), rtol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_losses_have_finite_weights_that_sum_to_the_number_of_tasks(dtype):
    rows = np.array([[0.0, 1e-6, 1e6], [0.0, 1e6, 1e-6], [1e6, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype)
    weights = run(get("dwa"), rows)
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights.sum(axis=1), np.full(5, 3.0), rtol=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(3)), st.integers(0, 1000))
def test_the_order_of_the_tasks_does_not_matter(order, seed):
    losses = np.random.default_rng(seed).uniform(0.1, 2.0, (4, 3))
    weights, permuted = run(get("dwa"), losses), run(get("dwa"), losses[:, order])
    np.testing.assert_allclose(permuted, weights[:, order], rtol=1e-12)


def test_a_mean_is_over_the_steps_in_which_its_task_was_present():
    method = get("dwa")
    method.build(2, updates_per_epoch=2, dtype="float64")
    both, first = tf.constant([True, True]), tf.constant([True, False])
    steps = [([2.0, 4.0], both), ([4.0, 0.0], first), ([1.0, 0.0], first), ([2.0, 2.0], both)]
    for losses, present in steps:
        method.weights(tf.constant(losses, tf.float64), present)
    weights = method.weights(tf.constant([0.0, 0.0], tf.float64))
    np.testing.assert_allclose(weights, published([1.5, 2.0], [3.0, 4.0]), rtol=1e-12)


def test_a_task_that_was_absent_for_an_epoch_counts_as_one_whose_loss_stays():
    method = get("dwa")
    both, first = tf.constant([True, True]), tf.constant([True, False])
    rows = [([2.0, 2.0], both), ([1.0, 0.0], first), ([0.8, 1.0], both), ([0.4, 0.5], both)]
    weights = [method.weights(tf.constant(losses, tf.float64), present) for losses, present in rows]
    weights.append(method.weights(tf.constant([1.0, 1.0], tf.float64)))
    expected = [published([0.5, 1.0], [1.0, 1.0]), published([0.8, 1.0], [1.0, 1.0]), published([0.5, 0.5], [1.0, 1.0])]
    np.testing.assert_allclose(weights[2:], expected, rtol=1e-12)


def test_the_loss_of_an_absent_task_is_not_read():
    one, other = get("dwa"), get("dwa")
    for losses in LOSSES:
        weights = one.weights(tf.constant(losses * [1, 1, 0]), tf.constant([True, True, False]))
        same = other.weights(tf.constant(losses), tf.constant([True, True, False]))
        assert weights.numpy().tolist() == same.numpy().tolist()


def test_a_restored_method_goes_on_as_the_one_that_was_saved():
    saved, restored = get("dwa"), get("dwa")
    for method in (saved, restored):
        method.build(3, updates_per_epoch=3, dtype="float64")
    run(saved, LOSSES[:7])
    for variable, value in zip(restored.variables, [variable.numpy() for variable in saved.variables], strict=True):
        variable.assign(value)
    assert run(restored, LOSSES[7:]).tolist() == run(saved, LOSSES[7:]).tolist()


def test_a_graph_is_traced_once_and_weighs_as_without_it():
    method, eager = get("dwa"), get("dwa")
    for each in (method, eager):
        each.build(3, updates_per_epoch=2, dtype="float64")
    graph = tf.function(method.weights, autograph=False)
    for losses in LOSSES:
        np.testing.assert_allclose(graph(tf.constant(losses)), eager.weights(tf.constant(losses)), rtol=1e-12)
    assert graph.experimental_get_tracing_count() == 1


def test_replicas_have_the_weights_of_one(mirrored):
    method, single = get("dwa"), get("dwa")
    with mirrored.scope():
        method.build(3, updates_per_epoch=2, dtype="float64")
    single.build(3, updates_per_epoch=2, dtype="float64")
    step = tf.function(lambda losses: mirrored.run(method.weights, (losses,)), autograph=False)
    for losses in LOSSES[:8]:
        expected = single.weights(tf.constant(losses))
        for weights in mirrored.experimental_local_results(step(tf.constant(losses))):
            np.testing.assert_allclose(weights, expected, rtol=1e-12)


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ConfigurationError, match=r"balancing\.temperature: .*found 0"):
        get("dwa", temperature=0.0)
