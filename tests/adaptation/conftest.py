"""A run of the tiny experiment as a training leaves it, and files of new tasks."""

import json

import pytest
import yaml

from tests.fixtures import sentences
from tfmtl.runs.identity import claim
from tfmtl.runs.run_folder import RunFolder


@pytest.fixture(scope="session")
def trained(experiment, model, data, tmp_path_factory):
    """A run with the model of the tiny experiment."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    claim(folder, experiment, data.tasks)
    data.tokenizer.save(folder.tokenizer)
    folder.checkpoints.mkdir()
    model.save(folder.best_model)
    return folder


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def places(count, seed):
    """Rows about where one animal is; the label follows from one word of the text."""
    words = {"garden": "outside", "chair": "inside", "river": "outside", "house": "outside", "roof": "inside"}
    texts = [text for _, text in sentences(5 * count, seed) if " and " not in text][:count]
    return [{"text": text, "label": next(words[word] for word in words if word in text)} for text in texts]


@pytest.fixture
def section(tmp_path):
    """The sections of an adaptation that learns where an animal is."""
    train, test = (write_rows(tmp_path / f"{name}.jsonl", places(60, seed)) for name, seed in (("few", 1), ("test", 2)))
    return {
        "name": "places",
        "sources": {"places": {"train": train, "test": test}},
        "tasks": {"place": {"kind": "classification", "source": "places"}},
    }


@pytest.fixture
def config(section, tmp_path):
    """The file of that adaptation."""
    path = tmp_path / "places.yaml"
    path.write_text(yaml.safe_dump(section), encoding="utf-8")
    return path
