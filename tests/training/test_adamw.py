import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.training.adamw import NOT_DECAYED, AdamW
from tfmtl.training.learning_rate import WarmupThenDecay

RATE = WarmupThenDecay(0.1, updates=6, warmup=0.3, decay="cosine")


def gradients(step):
    generator = np.random.default_rng(step)
    return [tf.constant(generator.normal(size=shape), tf.float32) for shape in ((3, 2), (2,), (4,))]


def variables():
    generator = np.random.default_rng(99)
    return [
        keras.Variable(generator.normal(size=shape), dtype="float32", name=name)
        for shape, name in (((3, 2), "kernel"), ((2,), "bias"), ((4,), "media_bias"))
    ]


def trained(strategy, make=AdamW, steps=5, **options):
    """Returns the variables after some steps, traced once."""
    with strategy.scope():
        trained = variables()
        optimizer = make(**options)
        optimizer.build(trained)

    @tf.function(autograph=False)
    def step(*of_variables):
        strategy.run(lambda *parts: optimizer.apply([tf.identity(part) for part in parts], trained), args=of_variables)

    for number in range(steps):
        step(*gradients(number))
    return [variable.numpy() for variable in trained], step.get_concrete_function(*gradients(0)).graph


def test_a_step_is_that_of_the_paper():
    found, _ = trained(tf.distribute.get_strategy(), learning_rate=0.1, decay=0.5, steps=3)
    for index, value in enumerate(variable.numpy().astype(np.float64) for variable in variables()):
        m = v = np.zeros_like(value)
        for step in range(3):
            gradient = gradients(step)[index].numpy()
            m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
            adam = m / (1 - 0.9 ** (step + 1)) / (np.sqrt(v / (1 - 0.999 ** (step + 1))) + 1e-7)
            value = value - 0.1 * (adam + (0.0 if index == 1 else 0.5) * value)
        np.testing.assert_allclose(found[index], value, rtol=1e-4)


def test_its_numbers_are_those_of_keras():
    def keras_s_own(learning_rate, decay):
        optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=decay)
        optimizer.exclude_from_weight_decay(var_names=[NOT_DECAYED])
        return optimizer

    makers = (AdamW, keras_s_own)
    found, expected = (trained(tf.distribute.get_strategy(), make, learning_rate=RATE, decay=0.3)[0] for make in makers)
    for value, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, reference, rtol=1e-6)


def test_two_replicas_make_the_step_of_one(mirrored):
    strategies = (mirrored, tf.distribute.get_strategy())
    found, expected = (trained(strategy, learning_rate=RATE, decay=0.3)[0] for strategy in strategies)
    # Keras sums the gradients of both: the step is the same for twice a gradient, but for epsilon.
    for value, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, reference, rtol=1e-5)


def test_the_learning_rate_is_computed_once_for_all_variables():
    _, graph = trained(tf.distribute.get_strategy(), learning_rate=RATE, decay=0.3, steps=1)
    kinds = [operation.type for operation in graph.get_operations()]
    assert (kinds.count("Cos"), kinds.count("Pow")) == (1, 2)


def test_what_is_saved_is_what_it_was():
    optimizer = AdamW(RATE, decay=0.3, beta_2=0.99)
    config = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer)).get_config()
    assert config == optimizer.get_config()
    assert (config["decay"], config["beta_2"]) == (0.3, 0.99)


@pytest.mark.parametrize(
    ("name", "is_found"),
    [
        ("media_bias/output/kernel:0", False),
        ("gamma/output/kernel:0", False),
        ("media_bias/output/bias:0", True),
        ("encoder/norm/gamma/replica_1:0", True),
        ("beta", True),
        ("encoder/norm/alphabeta:0", False),
    ],
)
def test_what_does_not_decay_is_known_by_the_end_of_its_path(name, is_found):
    assert bool(re.search(NOT_DECAYED, name)) is is_found
