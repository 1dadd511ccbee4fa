import random

import numpy as np
import pytest

from tests.adaptation.methods.test_head import said
from tfmtl.adaptation.adapt_run import Adapter
from tfmtl.config.adaptation import parse_adaptation
from tfmtl.core.errors import ConfigurationError, UserError
from tfmtl.runs.identity import claim
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare
from tfmtl.training.train import compile_model

TEXTS = ["the cat sleeps in the garden", "a puppy runs away near the river"]


@pytest.fixture(scope="module")
def adapter(make_experiment, tmp_path_factory):
    """A run whose two tasks have the same labels and different descriptors."""
    topic = {"kind": "classification", "source": "tickets", "labels": ["cats", "dogs"]}
    tasks = {
        **{"topic": {**topic, "descriptor": [1, 0]}, "again": {**topic, "descriptor": [0, 1]}},
        **{"same": None, "stars": None, "title": None},
    }
    experiment = make_experiment(tasks=tasks, model={"descriptors": "tensor"})
    folder = RunFolder(tmp_path_factory.mktemp("described") / "tiny")
    data = prepare(experiment, folder, replicas=1)
    random.seed(3)
    model, _ = compile_model(experiment, data)
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(variable + 0.3 * generator.normal(size=variable.shape).astype(np.float32))
    claim(folder, experiment, data.tasks)
    data.tokenizer.save(folder.tokenizer)
    folder.checkpoints.mkdir()
    model.save(folder.best_model)
    return Adapter(folder)


def adaptation(section, **task):
    tasks = {"place": {"kind": "classification", "source": "places", "label": "animal", **task}}
    return parse_adaptation({**section, "tasks": tasks, "adapt": {"method": "descriptor"}})


@pytest.fixture
def animals(section, tmp_path):
    """Rows of a domain that the run has not seen."""
    path = tmp_path / "animals.csv"
    path.write_text("text,animal\nthe cat sleeps,cats\na dog runs,dogs\n")
    return {**section, "sources": {"places": {"train": str(path), "test": str(path)}}}


def test_scores_are_linear_in_the_descriptor_and_old_answers_stay(adapter, animals, tmp_path):
    of = {}
    for name, z in {"first": [1, 0], "between": [0.25, 0.75]}.items():
        new = adaptation(animals, labels=["cats", "dogs"], descriptor=z)
        adapter.adapt(new, RunFolder(tmp_path / name))
        loaded = Adapter(RunFolder(tmp_path / name))
        of[name] = {task: said(loaded.reader.model, loaded, task, TEXTS) for task in ("topic", "again", "place")}
    np.testing.assert_allclose(of["first"]["place"], of["first"]["topic"], rtol=1e-5)
    expected = 0.25 * of["between"]["topic"] + 0.75 * of["between"]["again"]
    np.testing.assert_allclose(of["between"]["place"], expected, rtol=1e-4, atol=1e-5)
    for task in ("topic", "again"):
        before = said(adapter.reader.model, adapter, task, TEXTS)
        np.testing.assert_array_equal(of["between"][task], before)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"labels": ["cats", "dogs"]}, r"tasks.place: 'descriptor' is missing, from which its head is generated"),
        ({"labels": ["cats", "birds"], "descriptor": [1, 0]}, r"no label 'dogs'"),
        (
            {"labels": ["dogs", "cats"], "descriptor": [1, 0]},
            r"no described task of kind 'classification'",
        ),
        (
            {"labels": ["cats", "dogs"], "descriptor": [1]},
            r"tasks.place.descriptor: found 1 values, but 'topic' has 2",
        ),
    ],
)
def test_what_no_head_can_be_generated_for_is_one_line(adapter, animals, tmp_path, task, message):
    with pytest.raises(UserError, match=message) as caught:
        adapter.adapt(adaptation(animals, **task), RunFolder(tmp_path / "new"))
    assert "\n" not in str(caught.value) and not (tmp_path / "new").exists()


def test_other_methods_learn_from_rows_alone(adapter, animals, tmp_path):
    new = adaptation(animals, descriptor=[1, 0])
    new = parse_adaptation({**new.model_dump(exclude={"adapt"}), "adapt": "prototypes"})
    with pytest.raises(ConfigurationError, match=r"tasks.place.descriptor: 'prototypes' learns from rows alone"):
        adapter.adapt(new, RunFolder(tmp_path / "new"))
