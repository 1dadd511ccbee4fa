"""The positions with a target, and likelihoods on them, compared with those of all positions."""

import random

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfmtl.models.layers import pointer_generator, target_positions
from tfmtl.models.layers.pointer_generator import PointerGeneratorHead
from tfmtl.models.layers.target_positions import TargetPositions, at_targets, spread, target_places

VOCABULARY, WIDTH = 12, 8
TARGETS = np.int32([[7, 4, 3, 0], [5, 11, 10, 3], [3, 0, 0, 0], [0, 0, 0, 0]])


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


HIDDEN, KERNEL = normal(4, 4, WIDTH), normal(WIDTH, VOCABULARY)
STATES, EMBEDDED, SOURCE = normal(4, 6, WIDTH), normal(4, 6, WIDTH), np.int32([[2, 7, 8, 4, 3, 0]] * 4)


def test_states_are_those_of_the_tokens_row_by_row():
    found = TargetPositions()(HIDDEN, TARGETS)
    np.testing.assert_array_equal(found, HIDDEN[TARGETS != 0])


@settings(max_examples=20, deadline=None)
@given(arrays(np.int32, st.tuples(st.integers(0, 3), st.integers(1, 4)), elements=st.integers(0, 3)))
def test_what_is_selected_and_spread_again_is_what_it_was_but_for_padding(targets):
    places, values = target_places(targets), np.float32(targets) + 0.5
    selected = tf.reshape(TargetPositions()(values[..., None], targets), [-1])
    np.testing.assert_array_equal(at_targets(targets, places), targets[targets != 0])
    np.testing.assert_array_equal(spread(selected, places, targets), np.where(targets == 0, 0.0, values))


def likelihood_and_gradients(copy_source, label_smoothing, **of_function):
    random.seed(2)
    positions, head = TargetPositions(), PointerGeneratorHead(copy_source, label_smoothing, name="title")
    head.build((None, VOCABULARY), HIDDEN.shape, STATES.shape, EMBEDDED.shape, SOURCE.shape, TARGETS.shape)
    weights = normal(*TARGETS.shape)

    @tf.function(autograph=False, **of_function)
    def compute(hidden, kernel):
        with tf.GradientTape() as tape:
            tape.watch([hidden, kernel])
            logits = tf.matmul(positions(hidden, TARGETS), kernel)
            said = head(logits, hidden, STATES, EMBEDDED, SOURCE, TARGETS, training=True)
            loss = tf.reduce_sum(said * weights)
        watched = [hidden, kernel, *(variable.value for variable in head.trainable_variables)]
        return said, *tape.gradient(loss, watched)

    return compute(tf.constant(HIDDEN), tf.constant(KERNEL))


CASES = [(True, 0.0), (True, 0.1), (False, 0.0), (False, 0.1)]


@pytest.mark.parametrize("case", CASES)
def test_likelihoods_and_gradients_are_those_of_all_positions(case):
    found = likelihood_and_gradients(*case)
    with pytest.MonkeyPatch.context() as patch:
        for module in (target_positions, pointer_generator):
            patch.setattr(module, "target_places", lambda targets: None)
        expected = likelihood_and_gradients(*case)
    for value, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, reference, rtol=1e-6, atol=1e-6)
    assert not np.array(found[0])[TARGETS == 0].any()


def test_a_step_that_is_compiled_has_the_same_numbers():
    expected = likelihood_and_gradients(True, 0.1)
    for value, reference in zip(likelihood_and_gradients(True, 0.1, jit_compile=True), expected, strict=True):
        np.testing.assert_allclose(value, reference, rtol=1e-4, atol=1e-5)


def test_devices_that_compile_take_all_positions(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one"] if kind == "GPU" else [])
    assert target_places(TARGETS) is None
    np.testing.assert_array_equal(TargetPositions()(HIDDEN, TARGETS), HIDDEN.reshape(-1, WIDTH))
