"""One model that answers with a label, labels, tags, a score, a summary and a translation, in every way to ask it."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import requests
import yaml

import tfmtl
from tests.serving.c_api import IS_THERE, ask
from tfmtl.cli import main
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.export.description import Description
from tfmtl.serving.prediction.predict import predict_rows
from tfmtl.serving.prediction.remote import remote_predictor
from tfmtl.serving.prediction.rows import Row

WORDS = {"red": "rot", "blue": "blau", "old": "alt", "new": "neu", "small": "klein"}
THINGS = {"house": "haus", "car": "auto", "tree": "baum"}
TEXTS = ["a red new house", "an old car", "", "\u00e9t\u00e9 blue small tree " * 9]
KINDS = {
    "thing": {"kind": "classification", "label": "thing"},
    "colours": {"kind": "multi_label", "labels": "colours"},
    "parts": {"kind": "tagging", "words": "text", "tags": "tags"},
    "age": {"kind": "regression", "target": "age"},
    "short": {"kind": "summarization", "summary": "short", "max_length": 6},
    "german": {"kind": "translation", "target": "german", "max_length": 12},
}
PARTS = {
    "thing": "label",
    "colours": "probabilities",
    "parts": "tags",
    "age": "score",
    "short": "summary",
    "german": "translation",
}
"""For each task, a part of its answer, which is also an output of a signature."""


def row_of(generator: random.Random) -> dict:
    thing, adjectives = generator.choice(sorted(THINGS)), generator.sample(sorted(WORDS), generator.randint(1, 3))
    return {
        "text": " ".join(["a", *adjectives, thing]),
        "thing": thing,
        "colours": [word for word in adjectives if word in ("red", "blue")],
        "tags": ["O", *["adjective"] * len(adjectives), "noun"],
        "age": float("old" in adjectives) - float("new" in adjectives),
        "short": thing,
        "german": " ".join(["ein", *(WORDS[word] for word in adjectives), THINGS[thing]]),
    }


def run(*arguments) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert not stopped.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder, generator = tmp_path_factory.mktemp("all"), random.Random(1)
    for split, count in {"train": 64, "validation": 16, "test": 16}.items():
        rows = (json.dumps(row_of(generator)) + "\n" for _ in range(count))
        (folder / f"{split}.jsonl").write_text("".join(rows), encoding="utf-8")
    config = {
        "name": "all",
        "sources": {"rows": {split: str(folder / f"{split}.jsonl") for split in ("train", "validation", "test")}},
        "tasks": KINDS,
        "tokenizer": {"vocabulary_size": 300},
        "model": {
            "encoder": {"layers": 1, "hidden": 16, "heads": 2, "feedforward": 16, "dropout": 0.0, "max_length": 48},
            "decoder": {"layers": 1},
        },
        "training": {"epochs": 2, "batch_size": 16, "learning_rate": 0.01, "strategy": "none"},
        "evaluation": {"bootstrap_samples": 100},
        "generation": {"beams": 2},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(folder) -> RunFolder:
    run("train", folder / "config.yaml", "--run", folder / "run")
    return RunFolder.open(folder / "run")


@pytest.fixture(scope="module")
def exported(trained, folder) -> Path:
    return tfmtl.export(trained, folder / "saved_models" / "all")


@pytest.fixture(scope="module")
def expected(trained) -> list[dict]:
    return tfmtl.load(trained).predict(TEXTS)


@pytest.fixture(scope="module")
def server(start_server, exported):
    return start_server(exported.parent)


def assert_same(found: list[dict], expected: list[dict]) -> None:
    for answer, reference in zip(found, expected, strict=True):
        assert set(answer) == set(KINDS)
        for task in ("parts", "short", "german"):
            assert answer[task] == reference[task]
        assert answer["thing"]["label"] == reference["thing"]["label"]
        assert answer["colours"]["labels"] == reference["colours"]["labels"]
        for task in ("thing", "colours"):
            assert answer[task]["probabilities"] == pytest.approx(reference[task]["probabilities"], abs=1e-5)
        assert answer["age"]["score"] == pytest.approx(reference["age"]["score"], abs=1e-4)


def test_all_are_trained_and_measured(trained):
    run("evaluate", trained.path)
    evaluation = json.loads((trained.path / "evaluation_test.json").read_text())["tasks"]
    assert set(evaluation) == set(KINDS)
    assert all(evaluation[task]["examples"] == 16 for task in KINDS)
    # Two epochs suffice for what single words say.
    assert evaluation["parts"]["accuracy"] > 0.5 and 0.0 <= evaluation["german"]["chrf"] <= 1.0
    first, last = Checkpoints(trained.path / "checkpoints").latest().state["history"]
    for task in KINDS:
        assert last[f"{task}_loss"] < first[f"{task}_loss"]


def test_an_interrupted_training_ends_with_the_same_weights(trained, folder, tmp_path):
    again = shutil.copytree(trained.path, tmp_path / "again")
    max(again.glob("checkpoints/update-*.npz")).unlink()
    run("train", folder / "config.yaml", "--run", again)
    found, reference = (Checkpoints(path / "checkpoints").latest() for path in (again, trained.path))
    assert found.state["update"] == reference.state["update"] == 8
    for value, wanted in zip(found.variables, reference.variables, strict=True):
        np.testing.assert_array_equal(value, wanted)


def test_an_export_answers_all_from_one_reading(exported, expected):
    assert Description.read(exported).readings == 1
    assert_same(tfmtl.load(exported).predict(TEXTS), expected)


def test_rest_and_grpc_answer_as_the_run(server, expected):
    assert_same(list(predict_rows(remote_predictor(server.grpc), list(map(Row, TEXTS)))), expected)
    response = requests.post(f"{server.rest}/v1/models/all:predict", json={"instances": TEXTS}, timeout=120)
    assert response.status_code == 200, response.text
    for found, reference in zip(response.json()["predictions"], expected, strict=True):
        assert found["short_summary"] == reference["short"]["summary"]
        assert found["german_translation"] == reference["german"]["translation"]
        assert [tag for tag in found["parts_tags"] if tag] == reference["parts"]["tags"]
        assert found["thing_label"] == reference["thing"]["label"]
        assert found["colours_probabilities"] == pytest.approx(list(reference["colours"]["probabilities"].values()))
        assert found["age_score"] == pytest.approx(reference["age"]["score"], abs=1e-4)
    # A signature with one output answers with its values alone.
    body = {"signature_name": "german", "instances": TEXTS}
    response = requests.post(f"{server.rest}/v1/models/all:predict", json=body, timeout=60)
    assert response.json()["predictions"] == [answer["german"]["translation"] for answer in expected]


def test_the_page_knows_how_to_show_each_kind(server):
    page = requests.get(server.rest, timeout=60).text
    assert all(f'"{task["kind"]}": (parent, task, answer, name) =>' in page for task in KINDS.values())


@pytest.mark.skipif(not IS_THERE, reason="TensorFlow's shared libraries are elsewhere")
def test_the_c_api_answers_as_the_run(exported, expected):
    found, summaries = ask(exported, [("serving_default", TEXTS), ("summarize", TEXTS)])
    # A translation is no summary.
    assert summaries == {"short_summary": [answer["short"]["summary"] for answer in expected]}
    for task, part in PARTS.items():
        shaped = np.reshape(found[f"{task}_{part}"], [len(TEXTS), -1])
        for row, reference in zip(shaped, expected, strict=True):
            if part == "probabilities":
                assert row.tolist() == pytest.approx(list(reference[task][part].values()), abs=1e-5)
            elif part == "score":
                assert row[0] == pytest.approx(reference[task][part], abs=1e-4)
            else:
                wanted = reference[task][part] if part == "tags" else [reference[task][part]]
                assert [value for value in row if value] == [value for value in wanted if value]
