"""Questions about texts: from the command line's training to every way to ask an export."""

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
from tfmtl.api.compare import compare
from tfmtl.cli import main
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.prediction.predict import predict_rows
from tfmtl.serving.prediction.remote import remote_predictor
from tfmtl.serving.prediction.rows import Row

NAMES, CITIES = ["Zoë", "Omar", "Li", "Anna"], ["Rome", "New York", "Oslo", "São Paulo"]
FILLERS = ["the", "old", "house", "was", "near", "a", "river", "and", "then", "it", "rained", "(again)"]
PAIRS = [
    ("who was it?", "the old house - Zoë, and  then (again)"),
    ("which city?", "then it rained near São Paulo."),
    ("which city?", "then it rained near Omar."),
    ("who was it?", ""),
]


def question(generator: random.Random) -> dict:
    words = generator.choices(FILLERS, k=generator.randint(3, 9))
    things = [generator.choice(NAMES)] * generator.randint(0, 1) + [generator.choice(CITIES)] * generator.randint(0, 1)
    for thing in things:
        words.insert(generator.randint(0, len(words)), thing)
    context, about = " ".join(words) + ".", generator.choice([NAMES, CITIES])
    answers = [{"text": thing, "start": context.index(thing)} for thing in things if thing in about]
    return {"question": "who was it?" if about is NAMES else "which city?", "context": context, "answers": answers}


def run(*arguments) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert not stopped.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the data and the configuration."""
    folder, generator = tmp_path_factory.mktemp("questions"), random.Random(5)
    for split, count in {"train": 320, "validation": 32, "test": 48}.items():
        rows = (json.dumps(question(generator)) + "\n" for _ in range(count))
        (folder / f"{split}.jsonl").write_text("".join(rows), encoding="utf-8")
    config = {
        "name": "questions",
        "sources": {"questions": {split: str(folder / f"{split}.jsonl") for split in ("train", "validation", "test")}},
        "tasks": {"reply": {"kind": "question_answering", "text": "question", "text_pair": "context"}},
        "tokenizer": {"vocabulary_size": 330},
        "model": {
            "encoder": {
                **{"layers": 1, "hidden": 32, "heads": 2, "feedforward": 32, "dropout": 0.0},
                **{"max_length": 64, "text_overflow": "windows"},
            }
        },
        "training": {"epochs": 6, "batch_size": 16, "learning_rate": 0.01, "strategy": "none"},
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
    return json.loads((trained.path / "evaluation_test.json").read_text())["tasks"]["reply"]


@pytest.fixture(scope="module")
def exported(trained, folder) -> Path:
    return tfmtl.export(trained, folder / "saved_models" / "questions")


@pytest.fixture(scope="module")
def expected(trained) -> list[dict]:
    return [answer["reply"] for answer in tfmtl.load(trained).predict(PAIRS)]


@pytest.fixture(scope="module")
def answering_server(start_server, exported):
    return start_server(exported.parent)


def test_answers_are_learned_and_measured(trained, evaluation):
    assert set(evaluation) == {"f1", "exact_match", "examples", "intervals"}
    assert evaluation["f1"] > 0.85 and evaluation["exact_match"] > 0.85
    assert "| without |" in (trained.path / "report.md").read_text()


def test_a_text_that_does_not_answer_is_said_not_to(expected):
    assert [answer["answer"] for answer in expected] == ["Zoë", "São Paulo", "", ""]
    assert [(answer["start"], answer["end"]) for answer in expected] == [(16, 19), (20, 29), (0, 0), (0, 0)]
    for (_, context), answer in zip(PAIRS, expected, strict=True):
        assert context[answer["start"] : answer["end"]] == answer["answer"]
        assert 0.0 < answer["score"] <= 1.0


def test_long_texts_are_read_in_windows(trained):
    before, after = "the old house was near a river and then it rained " * 12, " (again) and then it rained." * 8
    context = f"{before}near São Paulo{after}"
    (found,) = tfmtl.load(trained).predict([("which city?", context)])
    # About 170 words, of which the model reads 64 tokens at once.
    assert found["reply"]["answer"] == "São Paulo" and found["reply"]["start"] == len(before) + len("near ")


def test_the_written_answers_are_those_that_were_measured(trained, evaluation):
    rows = [json.loads(line) for line in trained.answers("test").read_text().splitlines()]
    right = [row["prediction"]["answer"] in ([a["text"] for a in row["target"]] or [""]) for row in rows]
    assert np.mean(right) == pytest.approx(evaluation["exact_match"])


def test_a_training_goes_on_where_it_was_interrupted(trained, folder, tmp_path):
    again = shutil.copytree(trained.path, tmp_path / "again")
    max(again.glob("checkpoints/update-*.npz")).unlink()
    before = Checkpoints(again / "checkpoints").latest().state["update"]
    run("train", folder / "config.yaml", "--run", again)
    found, expected = (Checkpoints(path / "checkpoints").latest() for path in (again, trained.path))
    assert before < found.state["update"] == expected.state["update"] == 120
    for value, reference in zip(found.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(value, reference)


def assert_same(found: list[dict], expected: list[dict]) -> None:
    for answer, reference in zip(found, expected, strict=True):
        assert answer == {**reference, "score": pytest.approx(reference["score"], abs=1e-5)}


def test_an_export_answers_as_its_run(exported, expected, tmp_path):
    asked = tmp_path / "asked.jsonl"
    asked.write_text("".join(json.dumps({"question": a, "context": b}) + "\n" for a, b in PAIRS))
    run("predict", exported, "--input", asked, "--output", tmp_path / "answers.jsonl")
    found = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert_same([answer["reply"] for answer in found], expected)


def test_rest_answers_texts_and_offsets(answering_server, expected):
    body = {"instances": [{"text": first, "text_pair": second} for first, second in PAIRS]}
    response = requests.post(f"{answering_server.rest}/v1/models/questions:predict", json=body, timeout=60)
    assert response.status_code == 200, response.text
    found = [
        {name.removeprefix("reply_"): value for name, value in row.items()} for row in response.json()["predictions"]
    ]
    assert_same(found, expected)
    page = requests.get(answering_server.rest, timeout=60).text
    assert '"question_answering": (parent, task, answer, name) => {' in page


def test_grpc_answers_as_the_run(answering_server, expected):
    found = predict_rows(remote_predictor(answering_server.grpc), [Row(*pair) for pair in PAIRS])
    assert_same([answer["reply"] for answer in found], expected)


@pytest.mark.skipif(not IS_THERE, reason="TensorFlow's shared libraries are elsewhere")
def test_the_c_api_answers_as_the_run(trained, exported):
    texts = [context for _, context in PAIRS]
    (found,) = ask(exported, [("reply", texts)])
    # It gives the texts to both inputs.
    expected = [answer["reply"] for answer in tfmtl.load(trained).predict(list(zip(texts, texts, strict=True)))]
    assert found["reply_answer"] == [answer["answer"] for answer in expected]
    assert found["reply_start"] == [answer["start"] for answer in expected]


def test_it_is_compared_with_its_baselines(trained, evaluation, tmp_path):
    compare([trained.path, shutil.copytree(trained.path, tmp_path / "other")], output=tmp_path / "comparison")
    baselines = json.loads((tmp_path / "comparison" / "comparison.json").read_text())["reference"]["baselines"]
    assert baselines["nearest_sentence"]["reply"]["exact_match"] < baselines["no_answer"]["reply"]["exact_match"] < 0.7
