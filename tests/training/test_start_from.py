import logging
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tests.presets import save_preset
from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError
from tfmtl.data.columns import DenseColumn
from tfmtl.data.tables import Slice
from tfmtl.data.tokenizers.preset import load_tokenizer, piece_order
from tfmtl.models.build import build_model
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training import start_from as module
from tfmtl.training.start_from import start_from
from tfmtl.training.train import make_model

RUN = RunFolder("runs/other")


@pytest.fixture
def other(model, data, monkeypatch):
    """A run of the tiny experiment; returns what sets its tasks."""

    def other(**tasks):
        reader = SimpleNamespace(model=model, tasks={**data.tasks, **tasks})
        monkeypatch.setattr(module, "load_reader", lambda run: reader)
        return model

    return other


def test_a_model_of_the_same_tasks_has_all_weights(other, experiment, data, caplog):
    given, new = other(), make_model(experiment, data)
    with caplog.at_level(logging.INFO, "tfmtl"):
        start_from(new, data.tasks, RUN)
    for variable, expected in zip(new.variables, given.variables, strict=True):
        if "seed" not in variable.path:
            np.testing.assert_array_equal(variable, expected)
    count = sum("seed" not in variable.path for variable in new.variables)
    assert caplog.messages[-1] == f"begins with {count} variables of runs/other"


def test_labels_are_taken_by_their_names_and_what_is_new_is_said(other, make_experiment, data, caplog):
    old, new = data.tasks["topic"].labels, ("new", *reversed(data.tasks["topic"].labels))
    given = other()
    tasks = {**data.tasks, "topic": data.tasks["topic"].model_copy(update={"labels": new})}
    changed = SimpleNamespace(
        **{name: getattr(data, name) for name in ("tokenizer", "slices", "columns", "tables")}, tasks=tasks
    )
    experiment = make_experiment(model={"decoder": {"layers": 2}})
    model = make_model(experiment, changed)
    before = model.network.layers.heads["topic"].output_layer.bias.numpy()
    with caplog.at_level(logging.INFO, "tfmtl"):
        start_from(model, tasks, RUN)
    found = model.network.layers.heads["topic"].output_layer
    expected = given.network.layers.heads["topic"].output_layer
    for position, label in enumerate(new[1:], start=1):
        np.testing.assert_array_equal(found.kernel[:, position], expected.kernel[:, old.index(label)])
        np.testing.assert_array_equal(found.bias[position], expected.bias[old.index(label)])
    assert found.bias[0] == before[0]
    # The second layer of the decoder is new.
    assert "; new are variables of title_decoder (20 of 43)" in caplog.messages[-1]


def test_what_the_new_model_has_no_place_for_is_said(model, experiment, data, monkeypatch, caplog):
    with keras.name_scope("gone"):
        variables = [*model.variables, keras.Variable([0.0], name="kernel"), keras.Variable([0.0], name="bias")]
    reader = SimpleNamespace(model=SimpleNamespace(variables=variables), tasks=data.tasks)
    monkeypatch.setattr(module, "load_reader", lambda run: reader)
    with caplog.at_level(logging.INFO, "tfmtl"):
        start_from(make_model(experiment, data), data.tasks, RUN)
    assert caplog.messages[-1].endswith("variables of runs/other; left behind are those of gone")


@pytest.mark.parametrize("frozen", [True, "embedding"])
def test_what_is_frozen_is_not_trained(other, make_experiment, data, frozen, tmp_path):
    other()
    training = {"start_from": str(RUN.path)}
    model = make_model(make_experiment(model={"encoder": {"frozen": frozen}}, training=training), data)
    model.save(tmp_path / "model.keras")
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        layers = each.network.layers
        assert layers.embedding.trainable_variables == []
        assert bool(layers.sharing.trunk.trainable_variables) == (frozen == "embedding")
        trained = {variable.path.split("/")[0] for variable in each.trainable_variables}
        assert trained >= {"topic", "title", "title_decoder"}


def test_so_has_a_preset_whose_variables_have_paths_of_their_own(tmp_path, monkeypatch):
    folder = save_preset("bert", tmp_path)
    task = {"kind": "classification", "source": "s", "labels": ["a", "b"]}
    experiment = parse(
        {
            "sources": {"s": {"format": "tsv", "train": "a.tsv"}},
            "tasks": {"topic": task},
            "model": {"encoder": {"type": "preset", "preset": str(folder), "max_length": 8}},
        }
    )
    size = len(piece_order(load_tokenizer(str(folder))))
    slices, columns = [Slice("tokens", ("topic",), ())], {"topic": DenseColumn(np.array([0, 1], np.int32))}
    given, new = (build_model(experiment.model, experiment.tasks, slices, columns, size, "float32") for _ in range(2))
    for variable in given.trainable_variables:
        variable.assign(variable + 1.0)
    monkeypatch.setattr(module, "load_reader", lambda run: SimpleNamespace(model=given, tasks=experiment.tasks))
    start_from(new, experiment.tasks, RUN)
    for variable, expected in zip(new.trainable_variables, given.trainable_variables, strict=True):
        np.testing.assert_array_equal(variable, expected)


def test_what_is_frozen_has_to_fit(other, make_experiment, data):
    other()
    sizes = {"layers": 1, "hidden": 16, "heads": 2, "max_length": 48}
    encoder = {**sizes, "feedforward": 24, "frozen": True}
    model = make_model(make_experiment(model={"encoder": encoder}, training={"start_from": str(RUN.path)}), data)
    with pytest.raises(ConfigurationError, match=r"does not fit this model, whose 'model\.encoder\.frozen' would"):
        start_from(model, data.tasks, RUN)


def test_random_weights_are_not_frozen(make_experiment):
    with pytest.raises(ConfigurationError, match=r"^model\.encoder\.frozen: its weights would stay the random"):
        make_experiment(model={"encoder": {"frozen": True}})


def test_another_trunk_is_refused(other, make_experiment, data):
    other()
    model = make_model(make_experiment(model={"encoder": {"type": "bilstm_attention", "hidden": 8}}), data)
    with pytest.raises(ConfigurationError, match=r"^training\.start_from: nothing of runs/other fits the trunk"):
        start_from(model, data.tasks, RUN)
