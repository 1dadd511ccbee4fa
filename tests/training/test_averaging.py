import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.training.averaging import WeightAverage


def averaged(values, momentum):
    """The formula: a <- a + (1 - min(m, (1 + t) / (10 + t))) (w - a)."""
    average = values[0]
    for count, value in enumerate(values[1:], start=1):
        average = average + (1 - min(momentum, (1 + count) / (10 + count))) * (value - average)
    return average


@pytest.mark.parametrize("momentum", [0.15, 0.5, 0.999])
def test_the_average_follows_its_formula(momentum):
    values = np.random.default_rng(0).normal(size=[9, 3, 2]).astype(np.float32)
    variable = keras.Variable(values[0])
    average = WeightAverage([variable], momentum)
    update = tf.function(average.update, autograph=False)
    for count, value in enumerate(values[1:], start=1):
        variable.assign(value)
        update(tf.constant(count))
    np.testing.assert_allclose(average.variables[0].numpy(), averaged(values, momentum), rtol=1e-5)
    np.testing.assert_array_equal(variable.numpy(), values[-1])


def test_swapping_twice_changes_nothing():
    variable = keras.Variable([1.0, 2.0])
    average = WeightAverage([variable], 0.5)
    variable.assign([5.0, 6.0])
    average.swap()
    assert (variable.numpy().tolist(), average.variables[0].numpy().tolist()) == ([1.0, 2.0], [5.0, 6.0])
    average.swap()
    assert (variable.numpy().tolist(), average.variables[0].numpy().tolist()) == ([5.0, 6.0], [1.0, 2.0])


def test_replicas_that_trained_alike_have_one_average(mirrored):
    with mirrored.scope():
        variable = keras.Variable([1.0, 3.0])
        average = WeightAverage([variable], 0.5)
    variable.assign([2.0, 7.0])
    tf.function(lambda: mirrored.run(average.update, args=(tf.constant(1),)), autograph=False)()
    # (1 + 1) / (10 + 1) is the momentum of the first update.
    expected = np.array([1.0, 3.0]) + 9 / 11 * np.array([1.0, 4.0])
    for copy in mirrored.experimental_local_results(average.variables[0].value):
        np.testing.assert_allclose(copy.numpy(), expected, rtol=1e-6)
