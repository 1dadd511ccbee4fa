"""The gradients of methods on a small network in float64, beside those that finite differences give."""

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from tfmtl.core.registry import META
from tfmtl.training.meta_method import Episode, MeasuredOptions

OPTIONS = MeasuredOptions(inner_steps=3, inner_rate=0.4)
HEADS = [2, 3]


def values(seed=0):
    """A layer of tanh and a head with two classes."""
    generator = np.random.default_rng(seed)
    return [generator.normal(size=shape) for shape in ((3, 4), (4,), (4, 2), (2,))]


def rows(seed):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(5, 3)), generator.integers(0, 2, 5)


def loss_on(part):
    inputs, labels = part

    def loss(weights):
        kernel, bias, head, head_bias = weights
        logits = tf.tanh(inputs @ kernel + bias) @ head + head_bias
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(labels, 2, dtype=tf.float64), logits))

    return loss


EPISODE = Episode([loss_on(rows(1))], loss_on(rows(2)), HEADS)


def loss_and_gradient(loss, weights):
    weights = [tf.constant(value) for value in weights]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        found = loss(weights)
    return float(found), [gradient.numpy() for gradient in tape.gradient(found, weights)]


def adapted(weights, positions, steps=OPTIONS.inner_steps):
    weights = list(weights)
    for _ in range(steps):
        _, gradients = loss_and_gradient(EPISODE.support[0], weights)
        weights = [
            w - OPTIONS.inner_rate * g * (k in positions)
            for k, (w, g) in enumerate(zip(weights, gradients, strict=True))
        ]
    return weights


def differences(function, weights, step=1e-5):
    """The gradient of a function of numbers by central differences, one number at a time."""
    found = []
    for k, value in enumerate(weights):
        gradient = np.zeros_like(value)
        for place in np.ndindex(value.shape):
            sides = []
            for sign in (1, -1):
                moved = [each.copy() for each in weights]
                moved[k][place] += sign * step
                sides.append(function(moved))
            gradient[place] = (sides[0] - sides[1]) / (2 * step)
        found.append(gradient)
    return found


def gradient_by(name):
    method = META.get(name).build(OPTIONS)
    loss, gradients = method.gradient(EPISODE, [tf.constant(value) for value in values()])
    return float(loss), [gradient.numpy() for gradient in gradients]


@pytest.mark.parametrize(("name", "positions"), [("maml", range(4)), ("anil", HEADS)])
def test_the_gradient_is_that_of_the_loss_after_adaptation(name, positions):
    def after(weights):
        return loss_and_gradient(EPISODE.query, adapted(weights, positions))[0]

    loss, found = gradient_by(name)
    assert loss == pytest.approx(after(values()), rel=1e-12)
    for gradient, expected in zip(found, differences(after, values()), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


def test_the_first_order_gradient_is_that_at_the_adapted_weights():
    expected_loss, expected = loss_and_gradient(EPISODE.query, adapted(values(), range(4)))
    loss, found = gradient_by("fomaml")
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    for gradient, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, reference, rtol=1e-10)
    # It is not that of MAML.
    assert max(np.abs(a - b).max() for a, b in zip(found, gradient_by("maml")[1], strict=True)) > 1e-2


def test_reptile_goes_towards_the_adapted_weights():
    loss, found = gradient_by("reptile")
    assert loss == pytest.approx(
        loss_and_gradient(EPISODE.support[0], adapted(values(), range(4), steps=2))[0], rel=1e-12
    )
    for gradient, before, after in zip(found, values(), adapted(values(), range(4)), strict=True):
        np.testing.assert_allclose(gradient, (before - after) / OPTIONS.inner_rate, rtol=1e-10)


def test_each_step_reads_its_own_rows_where_an_episode_has_some():
    parts = [loss_on(rows(seed)) for seed in (1, 3)]
    weights = values()
    for step in range(OPTIONS.inner_steps):
        _, gradients = loss_and_gradient(parts[step % 2], weights)
        weights = [w - OPTIONS.inner_rate * g for w, g in zip(weights, gradients, strict=True)]
    found = Episode(parts, parts[0], HEADS).adapted([tf.constant(value) for value in values()], range(4), OPTIONS)
    for value, expected in zip(found.weights, weights, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-12)
    assert {entry.name: entry.build(OPTIONS).design.steps for entry in META} == {
        "reptile": 3,
        "maml": 1,
        "fomaml": 1,
        "anil": 1,
    }


def test_episodes_of_reptile_have_no_query_rows_and_those_of_others_as_many_as_shots():
    designs = {entry.name: entry.build(entry.options(shots=5)).design for entry in META}
    assert {name: design.queries for name, design in designs.items()} == {
        "reptile": 0,
        "maml": 5,
        "fomaml": 5,
        "anil": 5,
    }
    assert META.get("maml").build(MeasuredOptions(queries=2)).design.queries == 2


@pytest.mark.parametrize("name", ["inner_steps", "tasks_per_update"])
def test_more_steps_than_a_graph_can_hold_are_an_error(name):
    with pytest.raises(ValidationError, match=f"{name}\n.*less than or equal to 100"):
        MeasuredOptions(**{name: 1_000_000_000})
