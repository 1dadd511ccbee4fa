"""Intents and slots of utterances, from one reading: from the command line's training to every way to ask an export."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import requests
import tensorflow as tf
import yaml

import tfmtl
from tests.serving.c_api import IS_THERE, ask
from tfmtl.api.compare import compare
from tfmtl.cli import main
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.loading import load_reader
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.export.description import Description
from tfmtl.serving.prediction.predict import predict_rows
from tfmtl.serving.prediction.remote import remote_predictor
from tfmtl.serving.prediction.rows import Row

CITIES = [["Rome"], ["New", "York"], ["Oslo"], ["San", "José"], ["Cairo"]]
DAYS = [["monday"], ["next", "friday"], ["today"]]
OPENINGS = {"flight": ["fly", "me", "from"], "train": ["a", "train", "from"], "weather": ["is", "it", "warm", "in"]}
TEXTS = ["fly me from New York to\u00a0Oslo  monday", "is it warm in San José", "", "word " * 100 + "Rome"]


def utterance(generator: random.Random) -> dict:
    intent = generator.choice(sorted(OPENINGS))
    parts = [(OPENINGS[intent], None), (generator.choice(CITIES), "city")]
    if intent != "weather":
        parts += [(["to"], None), (generator.choice(CITIES), "city")]
    if generator.random() < 0.5:
        parts.append((generator.choice(DAYS), "day"))
    tags = [
        "O" if slot is None else f"{'I' if place else 'B'}-{slot}"
        for words, slot in parts
        for place, _ in enumerate(words)
    ]
    return {"words": [word for words, _ in parts for word in words], "tags": tags, "intent": intent}


def run(*arguments) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert not stopped.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the data and the configuration."""
    folder, generator = tmp_path_factory.mktemp("utterances"), random.Random(3)
    for split, count in {"train": 192, "validation": 32, "test": 40}.items():
        rows = (json.dumps(utterance(generator)) + "\n" for _ in range(count))
        (folder / f"{split}.jsonl").write_text("".join(rows), encoding="utf-8")
    config = {
        "name": "utterances",
        "sources": {"utterances": {split: str(folder / f"{split}.jsonl") for split in ("train", "validation", "test")}},
        "tasks": {
            "intent": {"kind": "classification", "text": "words", "label": "intent"},
            "slots": {"kind": "tagging"},
        },
        "tokenizer": {"vocabulary_size": 320},
        "model": {
            "encoder": {
                **{"layers": 1, "hidden": 32, "heads": 2, "feedforward": 32, "dropout": 0.0},
                **{"max_length": 40, "text_overflow": "windows"},
            }
        },
        "training": {"epochs": 4, "batch_size": 16, "learning_rate": 0.01, "strategy": "none"},
        "evaluation": {"bootstrap_samples": 100},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(folder) -> RunFolder:
    run("train", folder / "config.yaml", "--run", folder / "run")
    return RunFolder.open(folder / "run")


@pytest.fixture(scope="module")
def evaluation(trained) -> dict:
    run("evaluate", trained.path)
    return json.loads((trained.path / "evaluation_test.json").read_text())["tasks"]


@pytest.fixture(scope="module")
def exported(trained, folder) -> Path:
    return tfmtl.export(trained, folder / "saved_models" / "utterances")


@pytest.fixture(scope="module")
def expected(trained) -> list[dict]:
    return tfmtl.load(trained).predict(TEXTS)


@pytest.fixture(scope="module")
def slot_server(start_server, exported):
    return start_server(exported.parent)


def test_intents_and_slots_are_learned(trained, evaluation):
    assert set(evaluation["slots"]) == {"f1_span", "accuracy", "examples", "intervals"}
    assert evaluation["slots"]["f1_span"] > 0.9 and evaluation["slots"]["accuracy"] > 0.95
    assert evaluation["intent"]["accuracy"] > 0.9
    tags = experiment_of(trained).tasks["slots"].label_set
    assert tags == ("B-city", "B-day", "I-city", "I-day", "O")
    report = (trained.path / "report.md").read_text()
    assert "The spans of each label:" in report and "| city |" in report


def test_the_written_answers_are_those_that_were_measured(trained, evaluation):
    rows = [json.loads(line) for line in trained.answers("test").read_text().splitlines()]
    slots = [row for row in rows if row["task"] == "slots"]
    words = [(a, b) for row in slots for a, b in zip(row["target"], row["prediction"]["tags"], strict=True)]
    assert np.mean([one == other for one, other in words]) == pytest.approx(evaluation["slots"]["accuracy"])
    for row in slots:
        for span in row["prediction"]["spans"]:
            assert row["text"][span["start"] : span["end"]] == span["text"]


def test_a_training_goes_on_where_it_was_interrupted(trained, folder, tmp_path):
    again = _copy(trained.path, tmp_path / "again")
    max(again.glob("checkpoints/update-*.npz")).unlink()
    before = Checkpoints(again / "checkpoints").latest().state["update"]
    run("train", folder / "config.yaml", "--run", again)
    found, expected = (Checkpoints(path / "checkpoints").latest() for path in (again, trained.path))
    assert before < found.state["update"] == expected.state["update"] == 48
    for value, reference in zip(found.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(value, reference)


def test_a_text_is_read_once_for_both_tasks(trained, exported, monkeypatch):
    reader = load_reader(trained)
    trunk, calls = reader.model.network.layers.sharing.trunk, []
    call = type(trunk).call
    monkeypatch.setattr(type(trunk), "call", lambda *args, **more: calls.append(1) or call(*args, **more))
    tf.function(lambda texts: reader.read(["intent", "slots"], texts), autograph=False)(tf.constant(TEXTS))
    assert len(calls) == 1
    assert Description.read(exported).readings == 1


def test_each_word_has_a_tag_and_spans_their_places(expected):
    assert [len(answer["slots"]["tags"]) for answer in expected] == [8, 6, 0, 101]
    assert expected[0]["slots"] == {
        "tags": ["O", "O", "O", "B-city", "I-city", "O", "B-city", "B-day"],
        "spans": [
            {"label": "city", "start": 12, "end": 20, "text": "New York"},
            {"label": "city", "start": 24, "end": 28, "text": "Oslo"},
            {"label": "day", "start": 29, "end": 35, "text": "monday"},
        ],
    }
    assert expected[1]["slots"]["spans"] == [{"label": "city", "start": 14, "end": 22, "text": "San José"}]
    assert [answer["intent"]["label"] for answer in expected[:2]] == ["flight", "weather"]


def test_long_texts_are_read_in_windows(trained, expected):
    # Of 96 words, a window has a third.
    text = " ".join(["fly me from New York to Oslo monday"] * 12)
    (answer,) = tfmtl.load(trained).predict([text])
    assert len(answer["slots"]["tags"]) == 96
    right = [tag == "B-city" for tag in answer["slots"]["tags"][6::8]]
    assert sum(right) >= 9 and any(right[8:])


def assert_same(found: list[dict], expected: list[dict]) -> None:
    for answer, reference in zip(found, expected, strict=True):
        assert answer["slots"] == reference["slots"]
        assert answer["intent"]["label"] == reference["intent"]["label"]


def test_an_export_answers_as_its_run(exported, expected):
    assert_same(tfmtl.load(exported).predict(TEXTS), expected)


def test_a_list_of_words_is_a_text(exported, expected, tmp_path, capsys):
    rows = [{"words": text.split(), "id": number} for number, text in enumerate(TEXTS)]
    asked = tmp_path / "asked.jsonl"
    asked.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run("predict", exported, "--input", asked, "--output", tmp_path / "answers.jsonl", "--id", "id")
    found = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [answer["id"] for answer in found] == [0, 1, 2, 3]
    assert_same(found, expected)
    asked.write_text('{"words": ["to", "New York"]}\n')
    with pytest.raises(SystemExit) as stopped:
        main(["predict", str(exported), "--input", str(asked)])
    assert stopped.value.code == 2
    assert "asked.jsonl:1: word 2 of 2 is empty or has white space in it: 'New York'" in capsys.readouterr().err


def test_rest_answers_tags_padded_with_nothing(slot_server, expected):
    body = {"instances": TEXTS, "signature_name": "slots"}
    response = requests.post(f"{slot_server.rest}/v1/models/utterances:predict", json=body, timeout=60)
    assert response.status_code == 200, response.text
    found = response.json()["predictions"]
    assert [len(tags) for tags in found] == [101] * 4
    for tags, reference in zip(found, expected, strict=True):
        wanted = reference["slots"]["tags"]
        assert tags == [*wanted, *[""] * (101 - len(wanted))]


def test_grpc_answers_as_the_run(slot_server, expected):
    # The last text alone is larger than a request, so that answers of different widths are put together.
    texts = [*TEXTS, "word " * 250_000]
    found = list(predict_rows(remote_predictor(slot_server.grpc), [Row(text) for text in texts]))
    assert_same(found[:4], expected)
    # What is behind the last window is not read.
    assert len(found[4]["slots"]["tags"]) == 250_000 and set(found[4]["slots"]["tags"][400:]) == {"O"}


def test_the_page_shows_words_with_their_tags(slot_server):
    page = requests.get(slot_server.rest, timeout=60).text
    assert '"tagging": (parent, task, answer, name) => {' in page and "asked.text.split(" in page


@pytest.mark.skipif(not IS_THERE, reason="TensorFlow's shared libraries are elsewhere")
def test_the_c_api_answers_as_the_run(exported, expected):
    (found,) = ask(exported, [("slots", TEXTS)])
    tags = np.reshape(found["slots_tags"], [len(TEXTS), -1])
    assert [[tag for tag in row if tag] for row in tags] == [answer["slots"]["tags"] for answer in expected]


def test_it_is_compared_with_its_baselines(trained, evaluation, tmp_path):
    compare([trained.path, _copy(trained.path, tmp_path / "other")], output=tmp_path / "comparison")
    found = json.loads((tmp_path / "comparison" / "comparison.json").read_text())
    baselines = found["reference"]["baselines"]
    # The words of this data tell their tags.
    assert baselines["most_frequent"]["slots"]["f1_span"] > 0.9 and baselines["linear_svm"]["slots"]["accuracy"] > 0.9


def _copy(path: Path, to: Path) -> Path:
    return shutil.copytree(path, to)
