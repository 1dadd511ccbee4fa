import collections
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.presets import FAMILIES
from tfmtl.models.decoders.task_mark import TaskMark
from tfmtl.training.learning_rate import WarmupThenDecay
from tfmtl.training.optimizers.adamw import AdamW

RATE = WarmupThenDecay(0.1, updates=6, warmup=0.3, decay="cosine")


def gradients(step):
    generator = np.random.default_rng(step)
    return [tf.constant(generator.normal(size=shape), tf.float32) for shape in ((3, 2), (2,), (4, 1))]


def variables():
    generator = np.random.default_rng(99)
    return [
        keras.Variable(generator.normal(size=shape), dtype="float32", name=name)
        for shape, name in (((3, 2), "kernel"), ((2,), "bias"), ((4, 1), "media_bias"))
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


def of_the_paper(value, gradients, rate, decay):
    """Returns a variable after algorithm 2 of Loshchilov and Hutter (2019)."""
    m = v = np.zeros_like(value)
    for step, gradient in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        adam = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-7)
        value = value - rate * (adam + decay * value)
    return value


def test_a_step_is_that_of_the_paper():
    found, _ = trained(tf.distribute.get_strategy(), learning_rate=0.1, decay=0.5, steps=3)
    for index, variable in enumerate(variables()):
        of_variable = [gradients(step)[index].numpy() for step in range(3)]
        decay = 0.0 if variable.name == "bias" else 0.5
        expected = of_the_paper(variable.numpy().astype(np.float64), of_variable, rate=0.1, decay=decay)
        np.testing.assert_allclose(found[index], expected, rtol=1e-4)


def test_its_numbers_are_those_of_keras():
    def keras_s_own(learning_rate, decay):
        optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=decay)
        optimizer.exclude_from_weight_decay(var_names=["^bias"])
        return optimizer

    makers = (AdamW, keras_s_own)
    found, expected = (trained(tf.distribute.get_strategy(), make, learning_rate=RATE, decay=0.3)[0] for make in makers)
    for value, reference in zip(found, expected, strict=True):
        # Keras rounds 1 - beta_2 twice: once before it becomes a float32, for the moment, and once after, for its bias.
        # The quotient of both is 1 - 1.3e-5, of which a step has the root.
        np.testing.assert_allclose(value, reference, rtol=1e-5)


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


def layer_of(kind, *arguments, shape, **options):
    layer = kind(*arguments, **options)
    layer.build(shape)
    return layer.trainable_variables


def attention():
    layer = keras.layers.MultiHeadAttention(2, 3)
    layer.build((None, 5, 4), (None, 5, 4))
    return [*layer.query_dense.trainable_variables, *layer.output_dense.trainable_variables]


def t5():
    backbone, _, sizes = FAMILIES["t5"]
    return backbone(vocabulary_size=10, **sizes).trainable_variables


LAYERS = {
    "dense": (lambda: layer_of(keras.layers.Dense, 2, shape=(None, 3)), {"kernel": 1, "bias": 0}),
    "embedding": (lambda: layer_of(keras.layers.Embedding, 4, 3, shape=(None, 5)), {"embeddings": 1}),
    "lstm": (
        lambda: layer_of(keras.layers.LSTM, 2, shape=(None, 5, 3)),
        {"kernel": 1, "recurrent_kernel": 1, "bias": 0},
    ),
    "layer normalisation": (
        lambda: layer_of(keras.layers.LayerNormalization, shape=(None, 4)),
        {"gamma": 0, "beta": 0},
    ),
    "root mean square normalisation": (
        lambda: layer_of(keras.layers.RMSNormalization, shape=(None, 4)),
        {"scale": 0},
    ),
    "group normalisation": (
        lambda: layer_of(keras.layers.GroupNormalization, 2, shape=(None, 5, 4)),
        {"gamma": 0, "beta": 0},
    ),
    # Biases of the query have an axis for the heads.
    "attention": (attention, {"kernel": 2, "bias": 0}),
    "mark of a task": (lambda: layer_of(TaskMark, 6, shape=(None, 5, 4)), {"mark": 0}),
    "T5": (t5, {"embeddings": 3, "kernel": 18, "weight": 0}),
}
"""By name: what makes the variables, and of how many of each name a share is taken away."""


@pytest.mark.parametrize("name", LAYERS)
def test_matrices_decay_and_neither_biases_nor_scales_do(name):
    make, decaying = LAYERS[name]
    of_layer = make()
    # Far from zero, where the two places of epsilon, that of the paper and that of Keras, would make a difference.
    draw = functools.partial(np.random.default_rng(1).uniform, 1.0, 2.0)
    for variable in of_layer:
        variable.assign(draw(variable.shape))
    before = [variable.numpy().astype(np.float64) for variable in of_layer]
    steps = [[draw(variable.shape) for variable in of_layer] for _ in range(2)]
    optimizer = AdamW(0.1, decay=0.5)
    for gradients_of_step in steps:
        optimizer.apply([tf.constant(gradient, tf.float32) for gradient in gradients_of_step], of_layer)
    decayed = collections.Counter(dict.fromkeys((variable.name for variable in of_layer), 0))
    for variable, value, *of_variable in zip(of_layer, before, *steps, strict=True):
        without, with_decay = (of_the_paper(value, of_variable, rate=0.1, decay=decay) for decay in (0.0, 0.5))
        assert np.abs(with_decay - without).min() > 0.05
        decays = np.allclose(variable, with_decay, rtol=0.0, atol=1e-5)
        np.testing.assert_allclose(variable, with_decay if decays else without, rtol=0.0, atol=1e-5)
        decayed[variable.name] += decays
    assert dict(decayed) == decaying
