"""Schemes with experts in whole models, on every encoder."""

import random

import keras
import numpy as np
import pytest

from tfmtl.config.learning_rates import LearningRates
from tfmtl.models.build import build_model
from tfmtl.training.rate_factors import rate_factors
from tfmtl.training.variable_usage import variable_usage

ENCODERS = {
    "transformer": {"layers": 2, "hidden": 16, "heads": 2, "feedforward": 16, "max_length": 48},
    "gpt": {"layers": 1, "hidden": 16, "heads": 2, "feedforward": 16, "max_length": 48},
    "bilstm_attention": {"layers": 1, "hidden": 16, "max_length": 48},
}
INSIDE = {"adapters": {"bottleneck": 4}, "tops": {}, "cross_stitch": {}}
"""The options of schemes inside the trunk."""


@pytest.fixture
def make_model(make_experiment, data):
    def make(encoder: str, scheme: str):
        section = {"type": encoder, **ENCODERS[encoder]}
        model = {"encoder": section, "sharing": {"type": scheme, **INSIDE.get(scheme, {"expert_width": 8})}}
        options = make_experiment(model=model).model
        random.seed(1)
        return build_model(options, data.tasks, data.slices, data.columns, data.tokenizer.vocabulary_size, "float32")

    return make


@pytest.mark.parametrize("scheme", ["mmoe", "ple"])
@pytest.mark.parametrize("encoder", ["transformer", "gpt", "bilstm_attention"])
def test_experts_count_as_shared_wherever_several_tasks_read_them(make_model, encoder, scheme):
    model = make_model(encoder, scheme)
    usage, variables = variable_usage(model), model.trainable_variables
    shared = {variables[position].path for position in usage.shared}
    assert any("expert" in path for path in shared)
    assert {variable.path for variable in model.network.trunk_variables()} == shared
    for task in usage.tasks:
        own = {variables[position].path for position in usage.own(task)}
        of_scheme = {variable.path for variable in model.network.layers.sharing.own_variables(task)}
        assert own == of_scheme | {variable.path for variable in model.network.own_variables(task)}


@pytest.mark.parametrize("scheme", INSIDE)
def test_inside_the_trunk_too_shared_is_what_several_tasks_read(make_model, scheme):
    model = make_model("transformer", scheme)
    usage, variables, network = variable_usage(model), model.trainable_variables, model.network
    shared = {variables[position].path for position in usage.shared}
    assert {variable.path for variable in network.trunk_variables()} == shared
    for task in usage.tasks:
        own = {variables[position].path for position in usage.own(task)}
        of_scheme = {variable.path for variable in network.layers.sharing.own_variables(task)}
        assert own == of_scheme | {variable.path for variable in network.own_variables(task)}
    # What is copied from the trunk learns at its rate, and what is new at that of heads.
    factors = rate_factors(network, LearningRates(trunk=0.125, heads=0.5, decoders=0.25))
    of_trunk = {variable.path for variable in network.layers.sharing.trunk.trainable_variables}
    copied = {variable.path for copy, _ in network.layers.sharing.copies for variable in copy.trainable_variables}
    assert bool(copied) == (scheme != "adapters")
    for variable in network.layers.sharing.trainable_variables:
        assert factors[variable.path] == (0.25 if variable.path in of_trunk | copied else 1.0)


@pytest.mark.parametrize(
    ("encoder", "scheme"),
    [("gpt", "mmoe"), ("gpt", "ple"), ("transformer", "adapters"), ("transformer", "tops")],
)
def test_a_model_is_saved_and_loaded(make_model, data, tmp_path, encoder, scheme):
    # Keras gives the copies of a layer an identity of their own from the third one on, thus for four tasks.
    assert len(data.tasks) >= 4
    model = make_model(encoder, scheme)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    inputs = {name: np.array([[2, 7, 9, 3], [2, 5, 3, 0]], np.int32) for name in model.input}
    for name, output in model(inputs).items():
        np.testing.assert_allclose(loaded(inputs)[name], output, rtol=1e-6, atol=1e-6)
