"""A run as a training leaves it, of an experiment whose rows are known."""

import json

import pytest

import tfmtl
from tests.api.tickets import SECTIONS, TASKS, table
from tfmtl.api.predict import predict
from tfmtl.runs.identity import claim
from tfmtl.runs.run_folder import RunFolder


def rows_of(experiment, source):
    (path,) = experiment.sources[source].options.paths["held"]
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def held(make_experiment, experiment):
    """The tiny experiment, two of whose sources have a split of their own; its rows are those of validation."""
    sources = experiment.as_mapping()["sources"]
    for name in ("tickets", "pairs"):
        sources[name]["splits"] = {"held": sources[name]["validation"]}
    return make_experiment(sources=sources, evaluation={"bootstrap_samples": 100})


@pytest.fixture(scope="module")
def run(held, model, data, tmp_path_factory):
    """A run as a training leaves it."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    claim(folder, held, data.tasks)
    data.tokenizer.save(folder.tokenizer)
    folder.checkpoints.mkdir()
    model.save(folder.best_model)
    return folder


@pytest.fixture(scope="module")
def answers(run, held):
    """What is predicted of the texts of `tickets`, then of the pairs, given as tuples and lists in turn."""
    texts = [row["text"] for row in rows_of(held, "tickets")]
    pairs = [(row["first"], row["second"]) for row in rows_of(held, "pairs")]
    mixed = (pair if index % 2 else list(pair) for index, pair in enumerate(pairs))
    return predict(run, (text for of in (texts, mixed) for text in of))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def fitted(tmp_path_factory) -> tfmtl.RunFolder:
    folder = tmp_path_factory.mktemp("fitted") / "tickets"
    return tfmtl.fit(TASKS, table(64), validation=table(24, 64), test=table(24, 88), run=folder, **SECTIONS)
