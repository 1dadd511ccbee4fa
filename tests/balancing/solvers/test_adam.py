import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.balancing.solvers.adam import Adam

GRADIENTS = np.random.default_rng(0).normal(size=(20, 3))
ALL = tf.ones([3], tf.bool)


def make(dtype="float64", learning_rate=0.01):
    """Adam on three numbers, and all its variables, of which the numbers are the first."""
    made = []

    def make_variable(name, value, dtype):
        made.append(keras.Variable(value, dtype=dtype, name=name, trainable=False))
        return made[-1]

    numbers = make_variable("numbers", [1.0, -2.0, 0.5], dtype)
    return Adam(numbers, make_variable, learning_rate), made


def algorithm_1(x, gradients, learning_rate):
    """The published algorithm."""
    m, v = 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x = x - learning_rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_its_steps_are_those_of_keras_where_epsilon_is_of_no_weight(dtype):
    adam, (numbers, *_) = make(dtype)
    theirs = keras.Variable([1.0, -2.0, 0.5], dtype=dtype)
    keras_adam = keras.optimizers.Adam(0.01, epsilon=1e-12)
    for gradient in GRADIENTS:
        adam.step(tf.constant(gradient, dtype), ALL)
        keras_adam.apply([tf.constant(gradient, dtype)], [theirs])
        np.testing.assert_allclose(numbers, theirs, rtol=2e-6)


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e6])
def test_its_steps_are_those_of_the_paper(size):
    adam, (numbers, *_) = make()
    for gradient in GRADIENTS:
        adam.step(tf.constant(size * gradient), ALL)
    expected = algorithm_1(np.array([1.0, -2.0, 0.5]), size * GRADIENTS, 0.01)
    np.testing.assert_allclose(numbers, expected, rtol=1e-10)


def test_the_first_step_is_the_learning_rate_whatever_the_gradient_in_float32():
    adam, (numbers, *_) = make("float32", learning_rate=1.0)
    adam.step(tf.constant([1e-4, -1.0, 1e8]), ALL)
    # At 1e-4, epsilon shortens it by a ten-thousandth.
    np.testing.assert_allclose(numbers, [1e-4, -1.0, -0.5], atol=1e-4 + 2e-5)


def test_a_number_whose_task_is_absent_stays_and_goes_on_where_it_stood():
    adam, variables = make()
    for step, gradient in enumerate(GRADIENTS):
        third = [variable.numpy()[2] for variable in variables]
        adam.step(tf.constant(gradient), tf.constant([True, True, step % 2 == 0]))
        if step % 2:
            assert [variable.numpy()[2] for variable in variables] == third
    np.testing.assert_allclose(variables[0].numpy()[:2], algorithm_1(np.array([1.0, -2.0]), GRADIENTS[:, :2], 0.01))
    np.testing.assert_allclose(variables[0].numpy()[2], algorithm_1(0.5, GRADIENTS[::2, 2], 0.01))
