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
LOSSES = np.random.default_rng(5).uniform(0.1, 3.0, (6, 3))


def test_equal_preferences_weigh_by_half_the_softmax_of_half_the_losses():
    # (e^0.5, e^1) / (e^0.5 + e^1) / 2
    weights = get("stch").weights(tf.constant([1.0, 2.0]))
    np.testing.assert_allclose(weights, [0.1887703343990727, 0.31122966560092724], rtol=1e-6)


def test_weights_are_the_derivatives_of_the_published_objective():
    losses = tf.Variable([0.3, 1.7, 2.9], dtype=tf.float64)
    preference, ideal, mu = [0.5, 0.2, 0.3], [0.1, 0.0, -0.4], 0.3
    with tf.GradientTape() as tape:
        value = mu * tf.reduce_logsumexp(tf.constant(preference, tf.float64) * (losses - ideal) / mu)
    method = get("stch", mu=mu, preference=preference, ideal=ideal)
    np.testing.assert_allclose(method.weights(losses), tape.gradient(value, losses), rtol=1e-12)


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: f"{sequence['T']}_tasks")
@pytest.mark.parametrize("name", ["stch_mu1_uniform", "stch_mu0.1_ones"])
def test_weights_are_the_derivatives_of_the_reference(sequence, name):
    preference = [1.0] * sequence["T"] if name == "stch_mu0.1_ones" else None
    result = sequence["results"][name]
    method = get("stch", mu=result["params"]["mu"], preference=preference)
    weights = [method.weights(tf.constant(losses, tf.float64)) for losses in sequence["losses_per_step"]]
    expected = result["d_value_d_loss (= effective task weights)"]
    np.testing.assert_allclose(weights, expected, rtol=1e-9)


def test_the_smaller_mu_the_nearer_to_the_largest_loss_alone():
    method = get("stch", mu=1e-6, preference=[1.0, 1.0])
    np.testing.assert_allclose(method.weights(tf.constant([1.0, 1.1])), [0.0, 1.0], atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"mu": 1e-3, "preference": [1.0, 2.0, 0.0]}])
def test_extreme_losses_have_finite_weights(options, dtype):
    method = get("stch", **options)
    for losses in ([0.0, 1e-6, 1e6], [1e6, 0.0, 1e-6], [0.0, 0.0, 0.0], [1e6, 1e6, 1e6]):
        weights = method.weights(tf.constant(losses, dtype)).numpy()
        assert np.isfinite(weights).all()
        assert (weights >= 0).all()


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(3)), st.integers(0, 1000))
def test_the_order_of_the_tasks_does_not_matter(order, seed):
    one, other = get("stch"), get("stch")
    for losses in np.random.default_rng(seed).uniform(0.0, 5.0, (3, 3)):
        weights = one.weights(tf.constant(losses)).numpy()
        np.testing.assert_allclose(other.weights(tf.constant(losses[order])), weights[order], rtol=1e-12)


def test_an_absent_task_weighs_nothing_and_changes_nothing_for_the_others_where_preferences_are_given():
    method, alone = get("stch", preference=[0.5, 0.2, 0.3]), get("stch", preference=[0.5, 0.3])
    for losses in LOSSES:
        weights = method.weights(tf.constant(losses * [1, 0, 1]), tf.constant([True, False, True]))
        first, last = alone.weights(tf.constant(losses[[0, 2]])).numpy()
        np.testing.assert_allclose(weights, [first, 0.0, last], rtol=1e-12)


def test_an_absent_task_weighs_nothing_and_changes_nothing_for_the_others():
    weights = get("stch").weights(tf.constant([1.0, 0.0, 2.0]), tf.constant([True, False, True]))
    np.testing.assert_allclose(weights, [0.1887703343990727, 0.0, 0.31122966560092724], rtol=1e-6)


def test_a_batch_without_any_task_has_finite_weights():
    assert np.isfinite(get("stch").weights(tf.zeros([3]), tf.zeros([3], tf.bool))).all()


def test_a_graph_is_traced_once():
    method = get("stch")
    graph = tf.function(method.weights, autograph=False)
    for losses in ([1.0, 2.0], [2.0, 1.0]):
        shares = np.exp(np.array(losses) / 2)
        np.testing.assert_allclose(graph(tf.constant(losses)), shares / shares.sum() / 2, rtol=1e-6)
    assert graph.experimental_get_tracing_count() == 1
    assert method.variables == []


def test_a_mu_of_zero_is_refused_in_one_line():
    with pytest.raises(ConfigurationError, match=r"balancing\.mu: .*found 0"):
        get("stch", mu=0.0)


@pytest.mark.parametrize("option", ["preference", "ideal"])
def test_a_list_of_another_length_than_the_tasks_is_refused(option):
    with pytest.raises(ConfigurationError, match=r"balancing\.(preference|ideal): "):
        get("stch", **{option: [0.0, 1.0]}).check(["a", "b", "c"])


def test_after_a_warm_up_losses_are_compared_by_logarithms_of_their_decrease():
    method = get("stch", warmup_epochs=2, mu=0.5)
    method.build(2, updates_per_epoch=1, dtype="float64")
    first, second, third = ([2.0, 30.0], [4.0, 10.0], [1.5, 20.0])
    for losses in (first, second):
        # The derivative of the sum of logarithms.
        np.testing.assert_allclose(method.weights(tf.constant(losses, tf.float64)), 1 / np.array(losses))
    losses = tf.Variable(third, dtype=tf.float64)
    with tf.GradientTape() as tape:
        value = 2 * 0.5 * tf.reduce_logsumexp(tf.math.log(losses / [3.0, 20.0]) / 0.5)
    np.testing.assert_allclose(method.weights(losses), tape.gradient(value, losses), rtol=1e-12)


def test_after_a_warm_up_it_is_the_official_code_s_objective():
    method = get("stch", warmup_epochs=1)
    method.build(2, dtype="float64")
    method.weights(tf.constant([2.0, 2.0], tf.float64))
    # 2 log(L_1 / 2 + L_2 / 2), whose derivatives are 2 / (L_1 + L_2).
    np.testing.assert_allclose(method.weights(tf.constant([1.0, 2.0], tf.float64)), [2 / 3, 2 / 3], rtol=1e-12)


def test_a_negative_preference_is_refused():
    with pytest.raises(ConfigurationError, match=r"balancing\.preference"):
        get("stch", preference=[-1.0, 1.0])


def test_the_unit_of_a_loss_does_not_matter_with_a_warm_up():
    found = []
    for unit in (1.0, 1000.0):
        method = get("stch", warmup_epochs=1)
        for losses in ([2.0, 3.0], [1.0, 2.5]):
            weights = method.weights(tf.constant([losses[0], losses[1] * unit], tf.float64)).numpy()
        found.append(weights * [1.0, unit])
    np.testing.assert_allclose(found[0], found[1])
