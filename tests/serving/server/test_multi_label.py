"""A kind that was added as one folder goes through every way to ask an export."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import requests
import tensorflow as tf

import tfmtl
from tests.serving.c_api import IS_THERE, ask
from tfmtl.cli import main
from tfmtl.runs.loading import load_best_model, load_reader
from tfmtl.serving.export.quantization import quantized
from tfmtl.serving.prediction.predict import predict_rows
from tfmtl.serving.prediction.remote import remote_predictor
from tfmtl.serving.prediction.rows import Row

THINGS = ["courier", "invoice", "parcel", "refund"]
TEXTS = ["question 3 about the courier and the refund", "question 0 about the refund", ""]


def rows(count: int, first: int = 0) -> list[dict]:
    found = []
    for k in range(first, first + count):
        about = sorted({THINGS[k % 4], THINGS[(k // 4) % 4]})
        text = f"question {k} about the {' and the '.join(about)}"
        found.append({"text": text, "tags": about, "queue": "money" if "refund" in about else "delivery"})
    return found


@pytest.fixture(scope="module")
def tagged_run(tmp_path_factory):
    tasks = {
        "tags": {"kind": "multi_label", "labels": "tags", "class_weights": "balanced"},
        "queue": {"kind": "classification", "label": "queue"},
    }
    return tfmtl.fit(
        tasks,
        rows(128),
        validation=rows(32, 128),
        test=rows(32, 160),
        run=tmp_path_factory.mktemp("runs") / "tagged",
        model={"encoder": {"layers": 1, "hidden": 16, "heads": 2, "feedforward": 16, "dropout": 0.0, "max_length": 32}},
        tokenizer={"vocabulary_size": 320},
        training={"epochs": 3, "batch_size": 16, "learning_rate": 0.02, "strategy": "none"},
        evaluation={"bootstrap_samples": 100},
    )


@pytest.fixture(scope="module")
def tagged_export(tagged_run, tmp_path_factory) -> Path:
    return tfmtl.export(tagged_run, tmp_path_factory.mktemp("saved_models") / "tagged")


@pytest.fixture(scope="module")
def expected(tagged_run) -> list[dict]:
    return tfmtl.load(tagged_run).predict(TEXTS)


@pytest.fixture(scope="module")
def tagged_server(start_server, tagged_export):
    return start_server(tagged_export.parent)


def assert_same(found: list[dict], expected: list[dict]) -> None:
    for answer, reference in zip(found, expected, strict=True):
        assert answer["tags"]["labels"] == reference["tags"]["labels"]
        assert answer["tags"]["probabilities"] == pytest.approx(reference["tags"]["probabilities"], abs=1e-5)


def test_thresholds_are_chosen_on_the_validation_split_and_kept(tagged_run):
    head = load_best_model(tagged_run).network.layers.heads["tags"]
    thresholds = head.thresholds.numpy()
    assert thresholds.shape == (4,) and ((thresholds > 0) & (thresholds < 1)).all()
    assert (thresholds != 0.5).any()
    metrics = tfmtl.evaluate(tagged_run)["tasks"]["tags"]
    # A text names its tags: far better than the majority, which selects none.
    assert metrics["f1_micro"] > 0.7 and metrics["average_precision"] > 0.8


def test_an_export_answers_as_its_run(tagged_export, expected):
    assert_same(tfmtl.load(tagged_export).predict(TEXTS), expected)


def test_rest_answers_probabilities_and_truth_values(tagged_server, expected):
    body = {"instances": TEXTS, "signature_name": "tags"}
    response = requests.post(f"{tagged_server.rest}/v1/models/tagged:predict", json=body, timeout=60)
    assert response.status_code == 200, response.text
    for answer, reference in zip(response.json()["predictions"], expected, strict=True):
        selected = [label for label, chosen in zip(THINGS, answer["tags_selected"], strict=True) if chosen is True]
        assert selected == reference["tags"]["labels"]
        probabilities = dict(zip(THINGS, answer["tags_probabilities"], strict=True))
        assert probabilities == pytest.approx(reference["tags"]["probabilities"], abs=1e-5)


def test_grpc_answers_as_the_run(tagged_server, expected):
    found = predict_rows(remote_predictor(tagged_server.grpc), [Row(text) for text in TEXTS])
    assert_same(list(found), expected)


def test_the_page_shows_the_labels(tagged_server):
    page = requests.get(tagged_server.rest, timeout=60).text
    assert '"multi_label": (parent, task, answer, name) => {' in page
    assert '"outputs": ["probabilities", "selected"]' in page


@pytest.mark.skipif(not IS_THERE, reason="TensorFlow's shared libraries are elsewhere")
def test_the_c_api_answers_as_the_run(tagged_export, expected):
    (found,) = ask(tagged_export, [("tags", TEXTS)])
    selected = np.reshape(found["tags_selected"], [len(TEXTS), 4])
    assert [[THINGS[k] for k in np.flatnonzero(row)] for row in selected] == [
        answer["tags"]["labels"] for answer in expected
    ]


def test_eight_bits_change_little(tagged_run, expected):
    small = quantized(load_reader(tagged_run), "int8")
    read = tf.function(lambda texts: small.read(["tags"], texts)["tags"]["probabilities"], autograph=False)
    probabilities = read(tf.constant(TEXTS)).numpy()
    for answer, reference in zip(probabilities, expected, strict=True):
        assert answer == pytest.approx([reference["tags"]["probabilities"][thing] for thing in THINGS], abs=0.05)


def test_it_is_compared_with_its_baselines(tagged_run, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(tagged_run.path, other)
    with pytest.raises(SystemExit) as stopped:
        main(["compare", str(tagged_run.path), str(other), "--output", str(tmp_path / "comparison")])
    assert not stopped.value.code
    found = json.loads((tmp_path / "comparison" / "comparison.json").read_text())
    baselines = found["reference"]["baselines"]
    assert baselines["majority"]["tags"]["f1_micro"] < baselines["linear_svm"]["tags"]["f1_micro"]
    changes = [change for changes in found["differences"].values() for change in changes if change["task"] == "tags"]
    assert [change["difference"] for change in changes] == [0.0] * 4
