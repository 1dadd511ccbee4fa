import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.models.layers.fused.attention_weights import attention_weights
from tfmtl.models.layers.fused.compiled import NARROWEST, is_fused
from tfmtl.models.layers.fused.dropout import dropped_steps, dropped_sum, random_bits
from tfmtl.models.layers.fused.gelu import gelu

RATE = 0.25
"""A multiple of 1/65,536."""


def drawn(*shape: int, dtype=tf.float32) -> tf.Tensor:
    return tf.cast(np.random.default_rng(sum(shape)).normal(size=shape), dtype)


def outputs_and_gradients(function, *inputs) -> list[np.ndarray]:
    """Returns the output of a function, and the gradients of a weighted sum of it by all inputs, as float64."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(*inputs)
    weights = tf.cast(tf.reshape(tf.range(tf.size(output)) % 7, output.shape), output.dtype) - 3
    gradients = tape.gradient(output, inputs, weights)
    return [np.array(tf.cast(each, tf.float64)) for each in (output, *gradients)]


def assert_all_close(found, expected, tolerance: float = 2e-5) -> None:
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(left, right, atol=tolerance * max(1.0, np.abs(right).max()))


def test_gelu_and_its_gradient_are_those_of_float64():
    values = drawn(5, 64) * 3
    exact = outputs_and_gradients(lambda x: tf.nn.gelu(x, approximate=False), tf.cast(values, tf.float64))
    assert_all_close(outputs_and_gradients(gelu, values), exact)
    rounded = outputs_and_gradients(gelu, tf.cast(values, tf.bfloat16))
    assert_all_close(rounded, exact, 0.02)


def test_gelu_can_be_differentiated_twice():
    values = drawn(4)
    with tf.GradientTape() as outer:
        outer.watch(values)
        with tf.GradientTape() as inner:
            inner.watch(values)
            output = gelu(values)
        first = inner.gradient(output, values)
    density = np.exp(-np.square(values) / 2) / np.sqrt(2 * np.pi)
    # The second derivative of x Phi(x) is (2 - x^2) phi(x).
    np.testing.assert_allclose(outer.gradient(first, values), (2 - np.square(values)) * density, atol=1e-5)


def test_random_bits_are_uniform_and_drawn_anew_by_each_call_of_the_layer():
    dropout, again = (keras.layers.Dropout(RATE, seed=3) for _ in range(2))
    first, second = random_bits(dropout, [501, 201]), random_bits(dropout, [501, 201])
    np.testing.assert_array_equal(first, random_bits(again, [501, 201]))
    assert np.mean(first.numpy() == second.numpy()) < 1e-3
    share = np.mean(first.numpy() < dropped_steps(RATE))
    # Five standard deviations of the mean of 100,701 draws.
    assert share == pytest.approx(RATE, abs=5 * np.sqrt(RATE * (1 - RATE) / first.numpy().size))


def test_a_dropped_sum_scales_what_it_keeps_and_its_gradient_passes_there_alone():
    values, states = drawn(4, 8, 16), drawn(4, 8, 16) * 2
    dropout = keras.layers.Dropout(RATE, seed=1)
    output, of_values, of_states = outputs_and_gradients(lambda v, s: dropped_sum(v, s, dropout), values, states)
    is_kept = ~np.isclose(output, states)
    np.testing.assert_allclose(output, states + is_kept * values / (1 - RATE), atol=1e-5)
    upstream = np.arange(output.size).reshape(output.shape) % 7 - 3.0
    np.testing.assert_array_equal(of_states, upstream)
    np.testing.assert_allclose(of_values, is_kept * upstream / (1 - RATE), atol=1e-5)
    assert 0.6 < is_kept.mean() < 0.9


def test_a_rate_of_zero_keeps_everything_and_draws_nothing():
    dropout = keras.layers.Dropout(0.0)
    np.testing.assert_array_equal(dropped_sum(drawn(2, 3), drawn(2, 3), dropout), 2 * drawn(2, 3))
    scores, bias = drawn(2, 2, 3, 3), tf.zeros([2, 1, 1, 3])
    np.testing.assert_allclose(attention_weights(scores, bias, dropout), tf.nn.softmax(scores), atol=1e-7)


def test_attention_weights_and_their_gradient_are_those_of_softmax_and_dropout():
    scores = drawn(2, 3, 4, 5)
    bias = tf.where(tf.range(5) < 4, 0.0, -1e9)[None, None, None, :]
    dropout = keras.layers.Dropout(RATE, seed=2)
    weights, of_scores = outputs_and_gradients(lambda s: attention_weights(s, bias, dropout), scores)
    exact = tf.cast(scores, tf.float64) + tf.cast(bias, tf.float64)
    is_kept = tf.constant((weights > 0) / (1 - RATE))
    assert (weights[..., 4] == 0).all()
    assert 0.6 < np.mean(weights[..., :4] > 0) < 0.9
    expected = outputs_and_gradients(lambda s: tf.nn.softmax(s) * is_kept, exact)
    assert_all_close([weights, of_scores], expected)


@pytest.mark.parametrize("training", [False, None])
def test_only_wide_states_in_training_are_fused(training):
    wide, narrow = tf.zeros([2, 3, NARROWEST]), tf.zeros([2, 3, NARROWEST - 1])
    assert is_fused(wide, True)
    assert not is_fused(wide, training)
    assert not is_fused(narrow, True)


def test_kernels_can_be_parts_of_a_larger_compiled_graph():
    values, states = drawn(2, 3, 8), drawn(2, 3, 8)
    dropout = keras.layers.Dropout(RATE, seed=1)

    def total(values, states):
        with tf.GradientTape() as tape:
            tape.watch(values)
            output = gelu(dropped_sum(values, states, dropout))
        return output, tape.gradient(output, values)

    state = dropout.seed_generator.state
    before = np.array(state)
    results = []
    for jit_compile in (False, True):
        state.assign(before)
        results.append(tf.function(total, jit_compile=jit_compile)(values, states))
    assert_all_close(map(np.array, results[1]), map(np.array, results[0]))
