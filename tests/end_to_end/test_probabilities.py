"""Calibrated probabilities, given thresholds, and rows that are left open: from training to export."""

import json
import random

import numpy as np
import pytest
import tensorflow as tf
import yaml
from scipy.special import log_softmax, softmax

import tfmtl
from tfmtl.config.experiment import parse
from tfmtl.kinds.classification import kind as classification
from tfmtl.models.layers.pooled_head import PooledHead
from tfmtl.runs.loading import load_best_model, load_reader

THINGS = ["courier", "invoice", "parcel", "refund"]


def rows(count: int, seed: int) -> list[dict]:
    """Texts about two things; every fifth queue is a wrong one, so that no answer can be certain."""
    generator, found = random.Random(seed), []
    for _ in range(count):
        about = sorted({generator.choice(THINGS), generator.choice(THINGS)})
        queue = "money" if ("refund" in about) != (generator.random() < 0.2) else "delivery"
        found.append({"text": f"a question about the {' and the '.join(about)}", "tags": about, "queue": queue})
    return found


TASKS = {
    "queue": {"kind": "classification", "label": "queue", "abstain_below": 0.7, "top_k": 1, "metrics": ["ece"]},
    "tags": {"kind": "multi_label", "labels": "tags", "thresholds": {"refund": 0.0}, "metrics": ["ece"]},
}
VALIDATION, TEST = rows(40, 1), rows(40, 2)


def fit(folder, epochs=3):
    return tfmtl.fit(
        TASKS,
        rows(96, 0),
        validation=VALIDATION,
        test=TEST,
        run=folder,
        model={
            "encoder": {"layers": 1, "hidden": 16, "heads": 2, "feedforward": 16, "dropout": 0.0, "max_length": 24},
            "linear_expert": {"buckets": 200, "inverse_regularization": 10.0},
        },
        tokenizer={"vocabulary_size": 320},
        training={"epochs": epochs, "batch_size": 16, "learning_rate": 0.02, "strategy": "none"},
        evaluation={"bootstrap_samples": 100},
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("runs") / "tempered")


@pytest.fixture(scope="module")
def evaluation(run):
    return tfmtl.evaluate(run)["tasks"]


def logits_of(run, task: str, texts: list[str]) -> np.ndarray:
    """The mean of what the head and the linear expert say, computed beside the reader."""
    reader = load_reader(run)
    network = reader.model.network
    tokens = tf.function(reader.pack, autograph=False)(tf.constant(texts))
    head, expert = network.head_outputs([task], network.encode(tokens)), network.linear_scores(tokens)
    return (head[task].numpy() + (expert[task].numpy() if task in expert else head[task].numpy())) / 2


def test_the_temperature_has_the_highest_likelihood_of_the_validation_split(run):
    labels = ["delivery", "money"]
    logits = logits_of(run, "queue", [row["text"] for row in VALIDATION]).astype(np.float64)
    targets = np.array([labels.index(row["queue"]) for row in VALIDATION])

    def loss(temperature):
        return -log_softmax(logits / temperature, axis=1)[np.arange(40), targets].mean()

    found = load_best_model(run).network.layers.heads["queue"].temperature.numpy()
    assert loss(found) < loss(1.0) - 1e-4
    assert loss(found) <= min(loss(found * factor) for factor in (0.97, 1.03))
    text = VALIDATION[0]["text"]
    (answer,) = tfmtl.predict(run, [text])
    assert list(answer["queue"]["probabilities"].values()) == [
        pytest.approx(softmax(logits[0] / found).max(), abs=1e-5)
    ]


def test_an_export_holds_the_temperature_and_the_thresholds(run, tmp_path):
    texts = [row["text"] for row in TEST]
    version = tfmtl.export(run, tmp_path / "tempered")
    expected = tfmtl.predict(run, texts)
    # What serves the export knows nothing of this package.
    served = tf.saved_model.load(str(version)).signatures["serving_default"](text=tf.constant(texts))
    assert set(served) == {"queue_label", "queue_probabilities", "tags_probabilities", "tags_selected"}
    for row, answer in enumerate(expected):
        assert served["queue_label"][row].numpy().decode() == answer["queue"]["label"]
        (most,) = answer["queue"]["probabilities"].values()
        assert served["queue_probabilities"][row].numpy().max() == pytest.approx(most, abs=1e-5)
        assert (answer["queue"]["label"] == "") == (most < 0.7)
        assert served["tags_selected"][row].numpy()[THINGS.index("refund")]
        assert "refund" in answer["tags"]["labels"]
    for found, answer in zip(tfmtl.load(version).predict(texts[:3]), expected, strict=False):
        assert found["queue"]["label"] == answer["queue"]["label"]
        for task in ("queue", "tags"):
            assert found[task]["probabilities"] == pytest.approx(answer[task]["probabilities"], abs=1e-5)
    assert 0 < sum(answer["queue"]["label"] == "" for answer in expected) < 40


def test_metrics_are_those_of_all_rows_and_the_report_says_how_many_are_answered(run, evaluation):
    logits = logits_of(run, "queue", [row["text"] for row in TEST])
    is_right = np.array(["delivery", "money"])[logits.argmax(axis=1)] == [row["queue"] for row in TEST]
    assert evaluation["queue"]["accuracy"] == pytest.approx(is_right.mean())
    assert 0.0 < evaluation["queue"]["ece"] < 0.5 and 0.0 < evaluation["tags"]["ece"] < 0.5
    report = (run.path / "report.md").read_text()
    temperature = load_best_model(run).network.layers.heads["queue"].temperature.numpy()
    answered = softmax(logits / temperature, axis=1).max(axis=1) >= 0.7
    assert f"{answered.mean():.2%} of the rows get a label, of which {is_right[answered].mean():.2%} are" in report
    assert f"{evaluation['tags']['ece']:.4f} with the temperature" in report


def test_answers_of_a_run_are_kept_whole(run, evaluation):
    lines = map(json.loads, run.answers("test").read_text().splitlines())
    queues = [line["prediction"] for line in lines if line["task"] == "queue"]
    assert all(set(queue["probabilities"]) == {"delivery", "money"} for queue in queues)


def test_how_answers_are_shown_can_change_without_another_training(run):
    mapping = yaml.safe_load(run.config.read_text())
    mapping["tasks"]["queue"] |= {"abstain_below": 0.99, "top_k": 2}
    assert tfmtl.train(parse(mapping), run.path).path == run.path
    (answer,) = tfmtl.predict(run, ["a question about the parcel"])
    assert answer["queue"]["label"] == "" and len(answer["queue"]["probabilities"]) == 2


def test_a_run_from_before_there_were_temperatures_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(classification, "ClassificationHead", PooledHead)
    old = fit(tmp_path / "old", epochs=0)
    monkeypatch.undo()
    text = TEST[0]["text"]
    (answer,) = tfmtl.predict(old, [text])
    assert list(answer["queue"]["probabilities"].values()) == [
        pytest.approx(softmax(logits_of(old, "queue", [text])[0]).max(), abs=1e-5)
    ]
    assert 0.0 < tfmtl.evaluate(old)["tasks"]["queue"]["ece"] < 1.0
