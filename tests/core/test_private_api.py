import ast
import importlib.metadata
import re
from pathlib import Path

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.private_api import (
    CHECKED_VERSIONS,
    all_layers,
    encoder_layer,
    feedforward_activation,
    layer_attributes,
    moments,
    optimized_variables,
    replace_layer,
    uncast_value,
    variable_index,
)

PACKAGE = Path(__file__).parents[2] / "tfmtl"
OF_NAMED_TUPLES = {"_replace", "_asdict"}


@pytest.mark.parametrize("name", CHECKED_VERSIONS)
def test_the_installed_version_is_one_that_was_checked(name):
    installed = ".".join(importlib.metadata.version(name).split(".")[:2])
    assert installed in CHECKED_VERSIONS[name], f"check tfmtl/core/private_api.py on {name} {installed}, then add it"


def test_the_parts_of_an_encoder_layer_make_its_output():
    layer = keras_hub.layers.TransformerEncoder(intermediate_dim=16, num_heads=2)
    layer.build((None, 5, 8))
    generator = np.random.default_rng(0)
    for variable in layer.trainable_variables:
        variable.assign(generator.normal(size=variable.shape))
    hidden = generator.normal(size=[3, 5, 8]).astype(np.float32)
    parts = encoder_layer(layer)
    read = parts.attention_norm(parts.attention(hidden, hidden) + hidden)
    np.testing.assert_allclose(
        parts.feedforward_norm(parts.reduce(parts.expand(read)) + read), layer(hidden), atol=1e-5
    )
    assert parts.attention.key_dense(hidden).shape == (3, 5, 2, 4)
    dropouts = (parts.score_dropout, parts.attention_dropout, parts.feedforward_dropout)
    assert {type(dropout) for dropout in dropouts} == {keras.layers.Dropout}


def test_the_activation_of_an_encoder_layer_can_be_replaced():
    layer = keras_hub.layers.TransformerEncoder(intermediate_dim=16, num_heads=2, activation="relu")
    layer.build((None, 5, 8))
    hidden = np.random.default_rng(0).normal(size=[3, 5, 8]).astype(np.float32)
    feedforward_activation(layer, lambda values: 0.0 * values)
    parts = encoder_layer(layer)
    read = parts.attention_norm(parts.attention(hidden, hidden) + hidden)
    # Nothing but the bias is left of the feed-forward network, and it is zero at first.
    np.testing.assert_allclose(layer(hidden), parts.feedforward_norm(read), atol=1e-6)


def test_moments_are_adam_s_averages_of_the_gradient_of_a_variable_and_of_its_square():
    variables = [keras.Variable(np.zeros(size, np.float32)) for size in (2, 3)]
    adam = keras.optimizers.Adam(0.1, beta_1=0.75, beta_2=0.5)
    adam.apply([tf.constant([1.0, 1.0]), tf.constant([1.0, 2.0, 4.0])], variables)
    assert [variable_index(adam, variable) for variable in variables] == [0, 1]
    # An update has only the variable of TensorFlow in its hands.
    assert variable_index(adam, variables[1].value) == 1
    momentum, velocity = moments(adam, 1)
    assert [id(variable) for variable in optimized_variables(adam)] == [id(variable) for variable in variables]
    assert momentum.numpy().tolist() == [0.25, 0.5, 1.0]
    assert velocity.numpy().tolist() == [0.5, 2.0, 8.0]


def test_a_replaced_layer_is_called_and_trained_and_the_old_one_is_not():
    inner = keras.Sequential([keras.layers.Dense(3, name="old")])
    inner.build((None, 2))
    owner = keras.layers.TimeDistributed(inner)
    owner.build((None, 4, 2))
    new = keras.layers.Dense(3, use_bias=False, kernel_initializer="ones")
    new.build((None, 2))
    replace_layer(owner, "layer", new)
    np.testing.assert_array_equal(owner(np.ones([1, 4, 2])), np.full([1, 4, 3], 2.0))
    assert [id(variable) for variable in owner.trainable_variables] == [id(new.kernel)]
    assert ("layer", new) in layer_attributes(owner)
    assert set(map(id, all_layers(owner))) == {id(owner), id(new)}


def test_the_value_of_a_variable_is_not_cast():
    layer = keras.layers.Dense(2, dtype="mixed_bfloat16")
    layer.build((None, 3))
    seen = []
    layer.activation = lambda values: seen.append((layer.kernel.value.dtype, uncast_value(layer.kernel))) or values
    layer(np.ones([1, 3], np.float32))
    [(cast, value)] = seen
    assert (cast, value.dtype) == (tf.bfloat16, tf.float32)
    assert isinstance(value, tf.Variable)


def test_fit_calls_the_method_that_the_model_of_several_tasks_overrides(monkeypatch):
    calls = []
    monkeypatch.setattr(keras.Model, "_maybe_symbolic_build", lambda model, **given: calls.append(sorted(given)))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    rows = np.ones([2, 1], np.float32)
    model.fit(rows, rows, verbose=0)
    model.evaluate(rows, rows, verbose=0)
    assert calls == [["iterator"], ["iterator"]]


def private_names(source: str) -> list[tuple[bool, str]]:
    """Returns the private names that a module uses or defines, each with whether it is one of its own or of `self`."""
    parts = list(ast.walk(ast.parse(source)))
    defined = {part.name for part in parts if isinstance(part, ast.FunctionDef)}
    found = [(True, name) for name in defined]
    for part in parts:
        if isinstance(part, ast.Attribute):
            is_of_self = isinstance(part.value, ast.Name) and part.value.id in ("self", "cls")
            found.append((is_of_self or part.attr in defined, part.attr))
    return [(is_own, name) for is_own, name in found if re.match("_[a-z]", name) and name not in OF_NAMED_TUPLES]


def test_no_other_module_uses_a_private_attribute():
    bases = (keras.Model, keras.optimizers.Adam, keras.metrics.Metric, keras.callbacks.Callback)
    names_of_keras = {name for base in bases for name in dir(base)}
    of_optimizers = set(vars(keras.optimizers.Adam()))
    found = set()
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for is_own, name in private_names(source):
            is_of_optimizer = name in of_optimizers and "keras.optimizers." in source
            if not is_own or is_of_optimizer or (name in names_of_keras and "import keras" in source):
                found.add((str(path.relative_to(PACKAGE)), name))
    assert found == {
        ("core/private_api.py", "_tracker"),
        ("core/private_api.py", "_flatten_layers"),
        ("core/private_api.py", "_self_attention_layer"),
        ("core/private_api.py", "_self_attention_dropout"),
        ("core/private_api.py", "_self_attention_layer_norm"),
        ("core/private_api.py", "_dropout_layer"),
        ("core/private_api.py", "_feedforward_intermediate_dense"),
        ("core/private_api.py", "_feedforward_output_dense"),
        ("core/private_api.py", "_feedforward_dropout"),
        ("core/private_api.py", "_feedforward_layer_norm"),
        ("core/private_api.py", "_get_variable_index"),
        ("core/private_api.py", "_momentums"),
        ("core/private_api.py", "_velocities"),
        ("core/private_api.py", "_trainable_variables"),
        ("core/private_api.py", "_value"),
        ("models/multi_task_model.py", "_maybe_symbolic_build"),
    }
