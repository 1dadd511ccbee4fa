import json
from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.balancing.reference import REFERENCE
from tfmtl.balancing import get
from tfmtl.core.errors import ConfigurationError

SEQUENCES = json.loads(REFERENCE.read_text())["scalarizers"] if REFERENCE.exists() else []
LOSSES = np.random.default_rng(4).uniform(0.1, 3.0, (12, 3))


def logits(method):
    return method.variables[0].numpy()


def learn(method, losses):
    """Weighs each row, and takes the next for the losses after the step."""
    losses = tf.constant(losses)
    weights = []
    for before, after in pairwise(losses):
        weights.append(method.weights(before).numpy())
        method.observe(before, after)
    return np.array(weights)


def published(losses, weight_decay, minimum=0.0, learning_rate=0.025):
    """The weights of each step and the logits after it: Algorithm 1, with the Jacobian of softmax written out."""
    w, m, v, weights, after_steps = np.zeros(losses.shape[1]), 0.0, 0.0, [], []
    for t, (before, after) in enumerate(pairwise(losses), start=1):
        z = np.exp(w) / np.exp(w).sum()
        weights.append(z / (before - minimum) / np.sum(z / (before - minimum)))
        jacobian = np.diag(z) - np.outer(z, z)
        g = jacobian.T @ (np.log(before - minimum) - np.log(after - minimum)) + weight_decay * w
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - learning_rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        after_steps.append(w)
    return np.array(weights), np.array(after_steps)


def test_equal_logits_weigh_by_the_inverse_losses():
    np.testing.assert_allclose(get("famo").weights(tf.constant([1.0, 4.0])), [0.8, 0.2], rtol=1e-6)


def test_a_task_whose_loss_fell_loses_weight_to_one_whose_loss_stayed():
    method = get("famo")
    method.weights(tf.constant([1.0, 4.0]))
    method.observe(tf.constant([1.0, 4.0]), tf.constant([0.5, 4.0]))
    # The gradient is (ln 2 / 4, -ln 2 / 4); Adam's first step is the learning rate.
    np.testing.assert_allclose(logits(method), [-0.025, 0.025], rtol=1e-5)
    shares = np.exp([-0.025, 0.025]) / np.array([0.5, 4.0])
    np.testing.assert_allclose(method.weights(tf.constant([0.5, 4.0])), shares / shares.sum(), rtol=1e-6)


def test_it_asks_for_the_losses_after_the_step_and_weights_alone_learn_nothing():
    method = get("famo")
    assert method.reads_losses_after
    for losses in LOSSES:
        method.weights(tf.constant(losses))
    assert all((variable.numpy() == 0).all() for variable in method.variables)


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: f"{sequence['T']}_tasks")
def test_the_sequence_is_that_of_the_reference(sequence):
    method, losses = get("famo"), tf.constant(sequence["losses_per_step"], tf.float64)
    for number, step in enumerate(sequence["results"]["famo_lr0.025_wd1e-3"]["steps"]):
        # The reference adds 1e-8 to each loss.
        np.testing.assert_allclose(method.weights(losses[number]), step["d_value_d_loss"], rtol=1e-6)
        method.observe(losses[number], losses[number + 1])
        np.testing.assert_allclose(logits(method), step["logits_after_update"], rtol=1e-5)


@pytest.mark.parametrize("weight_decay", [0.0, 1e-3, 1e-2])
def test_the_logits_follow_the_difference_of_logarithms_by_adam(weight_decay):
    method = get("famo", weight_decay=weight_decay, lower_bound=0.05)
    weights, after_steps = published(LOSSES, weight_decay, 0.05)
    np.testing.assert_allclose(learn(method, LOSSES), weights, rtol=1e-9)
    np.testing.assert_allclose(logits(method), after_steps[-1], rtol=1e-9)


def test_a_lower_bound_of_each_task_is_taken_from_its_loss():
    weights = get("famo", lower_bound=[0.5, -1.0]).weights(tf.constant([1.0, 1.0]))
    np.testing.assert_allclose(weights, [0.8, 0.2], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_losses_have_finite_weights_that_sum_to_one(dtype):
    method = get("famo", learning_rate=1.0)
    rows = np.array([[0.0, 1e-6, 1e6], [1e6, 0.0, 1e-6], [1e-6, 1e6, 0.0], [0.0, 0.0, 0.0]] * 3, dtype)
    weights = learn(method, rows)
    assert np.isfinite(weights).all()
    assert all(np.isfinite(variable.numpy()).all() for variable in method.variables)
    np.testing.assert_allclose(weights.sum(axis=1), np.ones(11), rtol=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(3)), st.integers(0, 1000))
def test_the_order_of_the_tasks_does_not_matter(order, seed):
    losses = np.random.default_rng(seed).uniform(0.1, 2.0, (4, 3))
    np.testing.assert_allclose(learn(get("famo"), losses[:, order]), learn(get("famo"), losses)[:, order], rtol=1e-9)


def test_an_absent_task_keeps_its_state_and_changes_nothing_for_the_others():
    method, alone = get("famo"), get("famo")
    learn(method, LOSSES[:3] * [1, 1, 0] + [0, 0, 1])
    for variable in method.variables:
        variable.assign(variable.numpy() * [0, 0, 1])
    third = [variable.numpy()[2] for variable in method.variables]
    assert third[0] != 0
    present = tf.constant([True, True, False])
    for before, after in pairwise(LOSSES):
        expected = alone.weights(tf.constant(before[:2]))
        alone.observe(tf.constant(before[:2]), tf.constant(after[:2]))
        weights = method.weights(tf.constant(before * [1, 1, 0]), present)
        method.observe(tf.constant(before * [1, 1, 0]), tf.constant(after * [1, 1, 0]), present)
        np.testing.assert_allclose(weights, [*expected, 0.0], rtol=1e-12)
    assert [variable.numpy()[2] for variable in method.variables] == third
    np.testing.assert_allclose(logits(method)[:2], logits(alone), rtol=1e-12)


def test_a_batch_without_any_task_changes_nothing():
    method = get("famo")
    none = tf.zeros([2], tf.bool)
    assert np.isfinite(method.weights(tf.zeros([2]), none)).all()
    method.observe(tf.zeros([2]), tf.zeros([2]), none)
    assert all((variable.numpy() == 0).all() for variable in method.variables)


def test_a_restored_method_goes_on_as_the_one_that_was_saved():
    saved, restored = get("famo"), get("famo")
    learn(saved, LOSSES[:6])
    restored.build(3, dtype="float64")
    for variable, value in zip(restored.variables, [variable.numpy() for variable in saved.variables], strict=True):
        variable.assign(value)
    assert learn(restored, LOSSES[6:]).tolist() == learn(saved, LOSSES[6:]).tolist()
    assert logits(restored).tolist() == logits(saved).tolist()


def test_a_graph_is_traced_once_and_learns_as_without_it():
    method = get("famo")
    method.build(3, dtype="float64")

    @tf.function(autograph=False)
    def step(before, after):
        weights = method.weights(before)
        method.observe(before, after)
        return weights

    weights = [step(tf.constant(a), tf.constant(b)) for a, b in pairwise(LOSSES)]
    np.testing.assert_allclose(weights, published(LOSSES, 1e-3)[0], rtol=1e-9)
    assert step.experimental_get_tracing_count() == 1


def test_replicas_learn_as_one(mirrored):
    method = get("famo")
    with mirrored.scope():
        method.build(3, dtype="float64")

    def step(before, after):
        weights = method.weights(before)
        method.observe(before, after)
        return weights

    run = tf.function(lambda before, after: mirrored.run(step, (before, after)), autograph=False)
    expected, _ = published(LOSSES, 1e-3)
    for row, (before, after) in enumerate(pairwise(LOSSES[:5])):
        for weights in mirrored.experimental_local_results(run(tf.constant(before), tf.constant(after))):
            np.testing.assert_allclose(weights, expected[row], rtol=1e-9)


def test_a_list_of_another_length_than_the_tasks_is_refused():
    with pytest.raises(ConfigurationError, match=r"balancing\.lower_bound: "):
        get("famo", **{"lower_bound": [0.0, 1.0]}).check(["a", "b", "c"])
