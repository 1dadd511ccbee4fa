"""Questions about texts: from the command line's training to every way to ask an export."""

import json
import shutil

import numpy as np
import pytest
import requests

import tfmtl
from tests.serving.c_api import IS_THERE, ask
from tests.serving.server.units import run
from tfmtl.runs.loading import load_best_model
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.prediction.predict import predict_rows
from tfmtl.serving.prediction.remote import remote_predictor
from tfmtl.serving.prediction.rows import Row

PAIRS = [
    ("who was it?", "the old house - Zoë, and  then (again)"),
    ("which city?", "then it rained near São Paulo."),
    ("which city?", "then it rained near Omar."),
    ("who was it?", ""),
]


@pytest.fixture(scope="module")
def evaluation(units_run) -> dict:
    return json.loads((units_run.path / "evaluation_test.json").read_text())["tasks"]["reply"]


@pytest.fixture(scope="module")
def expected(units_run) -> list[dict]:
    return [answer["reply"] for answer in tfmtl.load(units_run).predict(PAIRS)]


def test_answers_are_learned_and_measured(units_run, evaluation):
    assert set(evaluation) == {"f1", "exact_match", "examples", "intervals"}
    assert evaluation["f1"] > 0.85 and evaluation["exact_match"] > 0.85
    assert "| without |" in (units_run.path / "report.md").read_text()


def test_a_text_that_does_not_answer_is_said_not_to(expected):
    assert [answer["answer"] for answer in expected] == ["Zoë", "São Paulo", "", ""]
    assert [(answer["start"], answer["end"]) for answer in expected] == [(16, 19), (20, 29), (0, 0), (0, 0)]
    for (_, context), answer in zip(PAIRS, expected, strict=True):
        assert context[answer["start"] : answer["end"]] == answer["answer"]
        assert 0.0 < answer["score"] <= 1.0


def test_long_texts_are_read_in_windows(units_run):
    before, after = "the old house was near a river and then it rained " * 12, " (again) and then it rained." * 8
    context = f"{before}near São Paulo{after}"
    (found,) = tfmtl.load(units_run).predict([("which city?", context)])
    # About 170 words, of which the model reads 48 tokens at once.
    assert found["reply"]["answer"] == "São Paulo" and found["reply"]["start"] == len(before) + len("near ")


def test_an_export_has_the_threshold_of_its_run(units_run, tmp_path):
    shutil.copytree(units_run.path, tmp_path / "run")
    run_folder = RunFolder.open(tmp_path / "run")
    model = load_best_model(run_folder)
    # Every text that has words is then said to answer.
    model.network.layers.heads["reply"].threshold.assign(1e6)
    model.save(run_folder.best_model)
    expected = [answer["reply"] for answer in tfmtl.load(run_folder).predict(PAIRS)]
    assert [bool(answer["answer"]) for answer in expected] == [True, True, True, False]
    exported = tfmtl.load(tfmtl.export(run_folder, tmp_path / "export"))
    assert_same([answer["reply"] for answer in exported.predict(PAIRS)], expected)


def test_the_written_answers_are_those_that_were_measured(units_run, evaluation):
    rows = [json.loads(line) for line in units_run.answers("test").read_text().splitlines()]
    rows = [row for row in rows if row["task"] == "reply"]
    right = [row["prediction"]["answer"] in ([a["text"] for a in row["target"]] or [""]) for row in rows]
    assert np.mean(right) == pytest.approx(evaluation["exact_match"])


def assert_same(found: list[dict], expected: list[dict]) -> None:
    for answer, reference in zip(found, expected, strict=True):
        assert answer == {**reference, "score": pytest.approx(reference["score"], abs=1e-5)}


def test_an_export_answers_as_its_run(units_export, expected, tmp_path):
    asked = tmp_path / "asked.jsonl"
    asked.write_text("".join(json.dumps({"question": a, "context": b}) + "\n" for a, b in PAIRS))
    run("predict", units_export, "--input", asked, "--output", tmp_path / "answers.jsonl")
    found = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert_same([answer["reply"] for answer in found], expected)


def test_rest_answers_texts_and_offsets(units_server, expected):
    body = {"instances": [{"text": first, "text_pair": second} for first, second in PAIRS]}
    response = requests.post(f"{units_server.rest}/v1/models/units:predict", json=body, timeout=60)
    assert response.status_code == 200, response.text
    outputs = ("answer", "start", "end", "score")
    found = [{name: row[f"reply_{name}"] for name in outputs} for row in response.json()["predictions"]]
    assert_same(found, expected)
    page = requests.get(units_server.rest, timeout=60).text
    assert '"question_answering": (parent, task, answer, name) => {' in page


def test_grpc_answers_as_the_run(units_server, expected):
    found = predict_rows(remote_predictor(units_server.grpc), [Row(*pair) for pair in PAIRS])
    assert_same([answer["reply"] for answer in found], expected)


@pytest.mark.skipif(not IS_THERE, reason="TensorFlow's shared libraries are elsewhere")
def test_the_c_api_answers_as_the_run(units_run, units_export):
    texts = [context for _, context in PAIRS]
    (found,) = ask(units_export, [("reply", texts)])
    # It gives the texts to both inputs.
    expected = [answer["reply"] for answer in tfmtl.load(units_run).predict(list(zip(texts, texts, strict=True)))]
    assert found["reply_answer"] == [answer["answer"] for answer in expected]
    assert found["reply_start"] == [answer["start"] for answer in expected]
