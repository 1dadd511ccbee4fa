import json
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.balancing.reference import REFERENCE
from tfmtl.balancing import get
from tfmtl.core.errors import ConfigurationError

SEQUENCES = json.loads(REFERENCE.read_text())["scalarizers"] if REFERENCE.exists() else []
LOSSES = np.random.default_rng(1).uniform(0.1, 3.0, (12, 3))


def tasks_of(*kinds):
    return [SimpleNamespace(name=f"task_{number}", kind=kind) for number, kind in enumerate(kinds)]


def scales(method):
    return method.variables[0].numpy()


def published(losses, factors, s, learning_rate=0.01):
    """The weights of each step, and s after the last: equation 10 by s = log sigma^2, and Adam's Algorithm 1."""
    m, v, weights = 0.0, 0.0, []
    for t, loss in enumerate(losses, start=1):
        weights.append(factors * np.exp(-s))
        g = 0.5 - factors * np.exp(-s) * loss
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        s = s - learning_rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return weights, s


@pytest.mark.parametrize(("form", "expected"), [("regression", [0.5, 0.125]), ("classification", [1.0, 0.25])])
def test_a_loss_is_divided_by_its_variance_or_twice_its_variance(form, expected):
    method = get("uncertainty", form=form, initial=[0.0, np.log(4.0)])
    np.testing.assert_allclose(method.weights(tf.constant([1.0, 4.0])), expected, rtol=1e-6)


def test_used_alone_every_task_has_the_form_of_classification():
    np.testing.assert_allclose(get("uncertainty").weights(tf.constant([1.0, 4.0])), [1.0, 1.0])


def test_in_training_a_task_of_regression_has_half_the_weight():
    method = get("uncertainty")
    method.tasks = tasks_of("classification", "regression", "summarization")
    np.testing.assert_allclose(method.weights(tf.constant([1.0, 4.0, 2.0])), [1.0, 0.5, 1.0])


def test_at_the_optimum_the_variances_stay():
    method = get("uncertainty", form="regression", initial=[0.0, np.log(4.0)])
    for _ in range(3):
        method.weights(tf.constant([1.0, 4.0], tf.float64))
    np.testing.assert_allclose(scales(method), [0.0, np.log(4.0)], atol=1e-6)


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: f"{sequence['T']}_tasks")
def test_weights_are_the_derivatives_of_the_reference(sequence):
    result = sequence["results"]["uw_logvar_linspace(-1,1)"]
    for losses, expected in zip(
        sequence["losses_per_step"], result["d_value_d_loss (= effective task weights)"], strict=True
    ):
        method = get("uncertainty", form="regression", initial=result["params"]["log_var"])
        np.testing.assert_allclose(method.weights(tf.constant(losses, tf.float64)), expected, rtol=1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-9)])
def test_the_variances_follow_their_gradient_by_adam(dtype, tolerance):
    method = get("uncertainty", initial=[0.5, 0.0, -0.5])
    method.tasks = tasks_of("classification", "regression", "summarization")
    weights = [method.weights(tf.constant(losses, dtype)) for losses in LOSSES]
    expected, s = published(LOSSES, np.array([1.0, 0.5, 1.0]), np.array([0.5, 0.0, -0.5]))
    np.testing.assert_allclose(weights, expected, rtol=tolerance)
    np.testing.assert_allclose(scales(method), s, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_losses_have_finite_weights_and_variances_in_their_range(dtype):
    method = get("uncertainty", learning_rate=1.0, clamp=[-4.0, 3.0])
    for _ in range(30):
        weights = method.weights(tf.constant([0.0, 1e-6, 1e6], dtype))
        assert np.isfinite(weights).all()
    np.testing.assert_allclose(scales(method), [-4.0, -4.0, 3.0])
    np.testing.assert_allclose(weights, np.exp([4.0, 4.0, -3.0]), rtol=1e-6)
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
    one, other = get("uncertainty", initial=initial.tolist()), get("uncertainty", initial=initial[order].tolist())
    for _ in range(2):
        weights = one.weights(tf.constant(losses)).numpy()
        np.testing.assert_allclose(other.weights(tf.constant(losses[order])), weights[order], rtol=1e-12)


def test_an_absent_task_keeps_its_state_and_changes_nothing_for_the_others():
    method, alone = get("uncertainty"), get("uncertainty")
    for losses in LOSSES:
        method.weights(tf.constant(losses * [1, 1, 0]), tf.constant([True, True, False]))
        alone.weights(tf.constant(losses[:2]))
    for ours, theirs in zip(method.variables, alone.variables, strict=True):
        assert ours.numpy().tolist() == [*theirs.numpy().tolist(), 0.0]


def test_a_restored_method_goes_on_as_the_one_that_was_saved():
    saved, restored = get("uncertainty"), get("uncertainty")
    for losses in LOSSES[:6]:
        saved.weights(tf.constant(losses))
    restored.build(3, dtype="float64")
    for variable, value in zip(restored.variables, [variable.numpy() for variable in saved.variables], strict=True):
        variable.assign(value)
    for losses in LOSSES[6:]:
        assert restored.weights(tf.constant(losses)).numpy().tolist() == saved.weights(losses).numpy().tolist()


def test_a_graph_is_traced_once_and_weighs_as_without_it():
    method, eager = get("uncertainty"), get("uncertainty")
    method.build(3, dtype="float64")
    graph = tf.function(method.weights, autograph=False)
    for losses in LOSSES:
        np.testing.assert_allclose(graph(tf.constant(losses)), eager.weights(tf.constant(losses)), rtol=1e-12)
    assert graph.experimental_get_tracing_count() == 1


def test_replicas_have_the_weights_of_one(mirrored):
    method, single = get("uncertainty"), get("uncertainty")
    with mirrored.scope():
        method.build(3, dtype="float64")
    step = tf.function(lambda losses: mirrored.run(method.weights, (losses,)), autograph=False)
    for losses in LOSSES[:4]:
        expected = single.weights(tf.constant(losses))
        for weights in mirrored.experimental_local_results(step(tf.constant(losses))):
            np.testing.assert_allclose(weights, expected, rtol=1e-12)


def test_no_gradient_flows_through_the_weights():
    losses = tf.Variable([1.0, 2.0])
    method = get("uncertainty")
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(method.weights(losses))
    assert tape.gradient(total, losses) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "gaussian"}, r"balancing\.form: .*'gaussian'"),
        ({"clamp": [2.0, -2.0]}, r"balancing: 'clamp' must be a lower and an upper bound"),
        ({"learning_rate": -1.0}, r"balancing\.learning_rate: .*found -1\.0"),
    ],
)
def test_an_option_out_of_range_is_refused_in_one_line(options, message):
    with pytest.raises(ConfigurationError, match=message):
        get("uncertainty", **options)


def test_a_list_of_another_length_than_the_tasks_is_refused():
    with pytest.raises(ConfigurationError, match=r"balancing\.initial: "):
        get("uncertainty", **{"initial": [0.0, 1.0]}).check(["a", "b", "c"])
