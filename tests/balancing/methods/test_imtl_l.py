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
LOSSES = np.random.default_rng(2).uniform(0.1, 3.0, (12, 3))


def scales(method):
    return method.variables[0].numpy()


def published(losses, s, learning_rate=0.01):
    """The weights of each step, and s after the last: sum e^s L - s, and Adam's Algorithm 1."""
    m, v, weights = 0.0, 0.0, []
    for t, loss in enumerate(losses, start=1):
        weights.append(np.exp(s))
        g = np.exp(s) * loss - 1
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        s = s - learning_rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return weights, s


def test_weights_are_the_exponentials_of_s():
    method = get("imtl_l", initial=[0.0, -np.log(4.0)])
    np.testing.assert_allclose(method.weights(tf.constant([1.0, 4.0])), [1.0, 0.25], rtol=1e-6)


def test_at_the_optimum_every_scaled_loss_is_one_and_s_stays():
    method = get("imtl_l", initial=[0.0, -np.log(4.0)])
    for _ in range(3):
        method.weights(tf.constant([1.0, 4.0], tf.float64))
    np.testing.assert_allclose(scales(method), [0.0, -np.log(4.0)], atol=1e-6)


def test_losses_of_any_size_are_brought_to_one():
    method = get("imtl_l", learning_rate=0.1)
    losses = tf.constant([0.05, 1.0, 20.0], tf.float64)
    graph = tf.function(method.weights, autograph=False)
    for _ in range(600):
        weights = graph(losses)
    np.testing.assert_allclose(weights * losses, [1.0, 1.0, 1.0], rtol=1e-3)


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: f"{sequence['T']}_tasks")
def test_weights_are_the_derivatives_of_the_reference(sequence):
    result = sequence["results"]["imtl_l_scale_linspace(-1,1)"]
    for losses, expected in zip(
        sequence["losses_per_step"], result["d_value_d_loss (= effective task weights)"], strict=True
    ):
        method = get("imtl_l", initial=result["params"]["s"])
        np.testing.assert_allclose(method.weights(tf.constant(losses, tf.float64)), expected, rtol=1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-9)])
def test_s_follows_its_gradient_by_adam(dtype, tolerance):
    method = get("imtl_l", initial=[0.5, 0.0, -0.5])
    weights = [method.weights(tf.constant(losses, dtype)) for losses in LOSSES]
    expected, s = published(LOSSES, np.array([0.5, 0.0, -0.5]))
    np.testing.assert_allclose(weights, expected, rtol=tolerance)
    np.testing.assert_allclose(scales(method), s, rtol=tolerance, atol=tolerance)


def test_it_is_twice_the_uncertainty_weighting_of_regression_with_the_opposite_s():
    ours, theirs = get("imtl_l"), get("uncertainty", form="regression")
    for losses in LOSSES:
        losses = tf.constant(losses)
        np.testing.assert_allclose(ours.weights(losses), 2 * theirs.weights(losses), rtol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_losses_have_finite_weights_and_s_in_its_range(dtype):
    method = get("imtl_l", learning_rate=1.0, clamp=[-4.0, 3.0])
    for _ in range(30):
        weights = method.weights(tf.constant([0.0, 1e-6, 1e6], dtype))
        assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights, np.exp([3.0, 3.0, -4.0]), rtol=1e-6)
    assert all(np.isfinite(variable.numpy()).all() for variable in method.variables)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-4.0, 4.0), st.floats(0.0, 100.0)), min_size=2, max_size=5).flatmap(
        lambda pairs: st.tuples(st.just(pairs), st.permutations(range(len(pairs))))
    )
)
def test_the_order_of_the_tasks_does_not_matter(drawn):
    pairs, order = np.array(drawn[0]), list(drawn[1])
    initial, losses = pairs.T
    one, other = get("imtl_l", initial=initial.tolist()), get("imtl_l", initial=initial[order].tolist())
    for _ in range(2):
        weights = one.weights(tf.constant(losses)).numpy()
        np.testing.assert_allclose(other.weights(tf.constant(losses[order])), weights[order], rtol=1e-12)


def test_an_absent_task_keeps_its_state_and_changes_nothing_for_the_others():
    method, alone = get("imtl_l"), get("imtl_l")
    for losses in LOSSES:
        method.weights(tf.constant(losses * [1, 1, 0]), tf.constant([True, True, False]))
        alone.weights(tf.constant(losses[:2]))
    for ours, theirs in zip(method.variables, alone.variables, strict=True):
        assert ours.numpy().tolist() == [*theirs.numpy().tolist(), 0.0]


def test_a_restored_method_goes_on_as_the_one_that_was_saved():
    saved, restored = get("imtl_l"), get("imtl_l")
    for losses in LOSSES[:6]:
        saved.weights(tf.constant(losses))
    restored.build(3, dtype="float64")
    for variable, value in zip(restored.variables, [variable.numpy() for variable in saved.variables], strict=True):
        variable.assign(value)
    for losses in LOSSES[6:]:
        assert restored.weights(tf.constant(losses)).numpy().tolist() == saved.weights(losses).numpy().tolist()


def test_a_graph_is_traced_once_and_weighs_as_without_it():
    method, eager = get("imtl_l"), get("imtl_l")
    method.build(3, dtype="float64")
    graph = tf.function(method.weights, autograph=False)
    for losses in LOSSES:
        np.testing.assert_allclose(graph(tf.constant(losses)), eager.weights(tf.constant(losses)), rtol=1e-12)
    assert graph.experimental_get_tracing_count() == 1


def test_a_list_of_another_length_than_the_tasks_is_refused():
    with pytest.raises(ConfigurationError, match=r"balancing\.initial: "):
        get("imtl_l", **{"initial": [0.0, 1.0]}).check(["a", "b", "c"])
