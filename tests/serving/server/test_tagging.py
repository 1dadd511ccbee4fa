"""Intents and slots of utterances, from one reading: from the command line's training to every way to ask an export."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import requests
import tensorflow as tf

import tfmtl
from tests.serving.c_api import IS_THERE, ask
from tests.serving.server.units import run
from tfmtl.api.compare import compare
from tfmtl.cli import main
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.loading import load_reader
from tfmtl.serving.export.description import Description
from tfmtl.serving.prediction.predict import predict_rows
from tfmtl.serving.prediction.remote import remote_predictor
from tfmtl.serving.prediction.rows import Row

TEXTS = ["fly me from New York to\u00a0Oslo  monday", "is it warm in San José", "", "word " * 100 + "Rome"]


@pytest.fixture(scope="module")
def evaluation(units_run) -> dict:
    return json.loads((units_run.path / "evaluation_test.json").read_text())["tasks"]


@pytest.fixture(scope="module")
def expected(units_run) -> list[dict]:
    return tfmtl.load(units_run).predict(TEXTS)


def test_intents_and_slots_are_learned(units_run, evaluation):
    assert set(evaluation["slots"]) == {"f1_span", "accuracy", "examples", "intervals"}
    assert evaluation["slots"]["f1_span"] > 0.9 and evaluation["slots"]["accuracy"] > 0.95
    assert evaluation["intent"]["accuracy"] > 0.9
    tags = experiment_of(units_run).tasks["slots"].label_set
    assert tags == ("B-city", "B-day", "I-city", "I-day", "O")
    report = (units_run.path / "report.md").read_text()
    assert "The spans of each label:" in report and "| city |" in report


def test_the_written_answers_are_those_that_were_measured(units_run, evaluation):
    rows = [json.loads(line) for line in units_run.answers("test").read_text().splitlines()]
    slots = [row for row in rows if row["task"] == "slots"]
    words = [(a, b) for row in slots for a, b in zip(row["target"], row["prediction"]["tags"], strict=True)]
    assert np.mean([one == other for one, other in words]) == pytest.approx(evaluation["slots"]["accuracy"])
    for row in slots:
        for span in row["prediction"]["spans"]:
            assert row["text"][span["start"] : span["end"]] == span["text"]


def test_a_training_goes_on_where_it_was_interrupted(units_run, units_config, tmp_path):
    again = _copy(units_run.path, tmp_path / "again")
    max(again.glob("checkpoints/update-*.npz")).unlink()
    before = Checkpoints(again / "checkpoints").latest().state["update"]
    run("train", units_config, "--run", again)
    found, expected = (Checkpoints(path / "checkpoints").latest() for path in (again, units_run.path))
    assert before < found.state["update"] == expected.state["update"]
    for value, reference in zip(found.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(value, reference)


def test_a_text_is_read_once_for_both_tasks(units_run, units_export, monkeypatch):
    reader = load_reader(units_run)
    trunk, calls = reader.model.network.layers.sharing.trunk, []
    call = type(trunk).call
    monkeypatch.setattr(type(trunk), "call", lambda *args, **more: calls.append(1) or call(*args, **more))
    tf.function(lambda texts: reader.read(["intent", "slots"], texts), autograph=False)(tf.constant(TEXTS))
    assert len(calls) == 1
    assert Description.read(units_export).readings == 1


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


def test_long_texts_are_read_in_windows(units_run, expected):
    # Of 96 words, a window has less than half.
    text = " ".join(["fly me from New York to Oslo monday"] * 12)
    (answer,) = tfmtl.load(units_run).predict([text])
    assert len(answer["slots"]["tags"]) == 96
    right = [tag == "B-city" for tag in answer["slots"]["tags"][6::8]]
    assert sum(right) >= 9 and any(right[8:])


def assert_same(found: list[dict], expected: list[dict]) -> None:
    for answer, reference in zip(found, expected, strict=True):
        assert answer["slots"] == reference["slots"]
        assert answer["intent"]["label"] == reference["intent"]["label"]


def test_an_export_answers_as_its_run(units_export, expected):
    assert_same(tfmtl.load(units_export).predict(TEXTS), expected)


def test_a_list_of_words_is_a_text(units_export, expected, tmp_path, capsys):
    rows = [{"words": text.split(), "id": number} for number, text in enumerate(TEXTS)]
    asked = tmp_path / "asked.jsonl"
    asked.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run("predict", units_export, "--input", asked, "--output", tmp_path / "answers.jsonl", "--id", "id")
    found = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [answer["id"] for answer in found] == [0, 1, 2, 3]
    assert_same(found, expected)
    asked.write_text('{"words": ["to", "New York"]}\n')
    with pytest.raises(SystemExit) as stopped:
        main(["predict", str(units_export), "--input", str(asked)])
    assert stopped.value.code == 2
    assert "asked.jsonl:1: word 2 of 2 is empty or has white space in it: 'New York'" in capsys.readouterr().err


def test_rest_answers_tags_padded_with_nothing(units_server, expected):
    body = {"instances": [{"text": text, "text_pair": ""} for text in TEXTS], "signature_name": "slots"}
    response = requests.post(f"{units_server.rest}/v1/models/units:predict", json=body, timeout=60)
    assert response.status_code == 200, response.text
    found = response.json()["predictions"]
    assert [len(tags) for tags in found] == [101] * 4
    for tags, reference in zip(found, expected, strict=True):
        wanted = reference["slots"]["tags"]
        assert tags == [*wanted, *[""] * (101 - len(wanted))]


def test_grpc_answers_as_the_run(units_server, expected):
    # The last text alone is larger than a request, so that answers of different widths are put together.
    texts = [*TEXTS, "word " * 250_000]
    found = list(predict_rows(remote_predictor(units_server.grpc), [Row(text) for text in texts]))
    assert_same(found[:4], expected)
    # What is behind the last window is not read.
    assert len(found[4]["slots"]["tags"]) == 250_000 and set(found[4]["slots"]["tags"][400:]) == {"O"}


def test_the_page_shows_words_with_their_tags(units_server):
    page = requests.get(units_server.rest, timeout=60).text
    assert '"tagging": (parent, task, answer, name) => {' in page and "asked.text.split(" in page


@pytest.mark.skipif(not IS_THERE, reason="TensorFlow's shared libraries are elsewhere")
def test_the_c_api_answers_as_the_run(units_export, expected):
    (found,) = ask(units_export, [("slots", TEXTS)])
    tags = np.reshape(found["slots_tags"], [len(TEXTS), -1])
    assert [[tag for tag in row if tag] for row in tags] == [answer["slots"]["tags"] for answer in expected]


def test_it_is_compared_with_its_baselines(units_run, evaluation, tmp_path):
    compare([units_run.path, _copy(units_run.path, tmp_path / "other")], output=tmp_path / "comparison")
    found = json.loads((tmp_path / "comparison" / "comparison.json").read_text())
    baselines = found["reference"]["baselines"]
    # The words of this data tell their tags.
    assert baselines["most_frequent"]["slots"]["f1_span"] > 0.9 and baselines["linear_svm"]["slots"]["accuracy"] > 0.9


def _copy(path: Path, to: Path) -> Path:
    return shutil.copytree(path, to)
