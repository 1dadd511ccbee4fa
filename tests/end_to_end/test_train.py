"""A run from its configuration to its report, through the command line."""

import csv
import json
import logging

import keras
import numpy as np
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

import tfmtl.training.update
from tfmtl.cli import main

TASKS = ("subject", "title", "goodness")


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code or 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "tiny"


@pytest.fixture(scope="module")
def traces():
    """How often each kind of step was traced by the run of this module."""
    return {"train": 0, "test": 0}


@pytest.fixture
def trained(folder, traces, configure, monkeypatch):
    """The folder of the run, which is trained and evaluated at the first use."""
    if not folder.exists():
        for step in traces:
            _count(monkeypatch, traces, step)
        assert run("train", configure(training={"epochs": 4}), "--run", folder) == 0
        assert run("evaluate", folder) == 0
    return folder


def _count(monkeypatch, traces: dict[str, int], step: str) -> None:
    original = getattr(tfmtl.training.update.Update, step)

    def counted(self, model, data):
        traces[step] += 1
        return original(self, model, data)

    monkeypatch.setattr(tfmtl.training.update.Update, step, counted)


def test_the_run_folder_holds_what_a_run_leaves(trained):
    found = {path.name for path in trained.iterdir()}
    assert found >= {
        "config.yaml",
        "tokenizer",
        "checkpoints",
        "tensorboard",
        "history.csv",
        "evaluation_test.json",
        "report.md",
    }
    assert not [name for name in found if name.startswith(".")]
    resolved = yaml.safe_load((trained / "config.yaml").read_text(encoding="utf-8"))
    assert resolved["tasks"]["subject"]["labels"] == ["music", "travel", "weather"]
    assert resolved["training"]["strategy"] == "auto"


def test_the_evaluation_has_the_metrics_of_each_kind_and_the_rule_is_learned(trained):
    evaluation = json.loads((trained / "evaluation_test.json").read_text(encoding="utf-8"))
    assert set(evaluation) == {"split", "tasks"} and evaluation["split"] == "test"
    tasks = evaluation["tasks"]
    beside = {"examples", "intervals"}
    assert set(tasks["subject"]) == {"accuracy", "f1_macro", "matthews"} | beside
    assert set(tasks["title"]) == {"rouge1", "rouge2", "rougeL", "rougeLsum", "tokenization"} | beside
    assert set(tasks["goodness"]) == {"pearson", "spearman"} | beside
    assert {name: task["examples"] for name, task in tasks.items()} == {"subject": 64, "title": 64, "goodness": 16}
    # Guessing has an accuracy of 1/3; no text's first words hold both words of its summary in a row.
    assert tasks["subject"]["accuracy"] > 0.9
    assert tasks["title"]["rougeL"] > 0.8
    assert tasks["goodness"]["spearman"] > 0.8


def test_the_history_has_a_row_for_each_epoch_and_its_losses_fall(trained):
    with open(trained / "history.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    for task in TASKS:
        assert float(rows[-1][f"{task}_loss"]) < float(rows[0][f"{task}_loss"])
        assert f"val_{task}_loss" in rows[0]
    assert float(rows[-1]["learning_rate"]) == pytest.approx(0.0, abs=1e-6)


def test_one_graph_trains_on_all_lengths_of_text(trained, traces):
    # Texts have 5 lengths of buckets or more; Keras traces the step of several updates once beside that of one.
    assert 1 <= traces["train"] <= 2
    assert 1 <= traces["test"] <= 2


def test_tensorboard_shows_what_a_training_does(trained):
    begun, events, of_validation = (
        EventAccumulator(str(trained / "tensorboard" / part), size_guidance={"tensors": 0}).Reload()
        for part in ("", "train", "validation")
    )
    tags = set(events.Tags()["tensors"])
    for task in TASKS:
        assert {f"loss/{task}", f"weight/{task}", f"share_of_rows/{task}", f"gradient_norm/{task}"} <= tags
    assert {"learning_rate", "tokens_per_second", "gradient_norm/total", "loss/total"} <= tags
    measured = set(of_validation.Tags()["tensors"])
    assert {"epoch/subject_accuracy", "epoch/title_rougeL", "epoch/goodness_spearman", "epoch/score"} <= measured
    # Both curves of a loss are in one chart.
    assert {f"epoch/{task}_loss" for task in TASKS} | {"epoch/loss"} <= tags & measured
    assert {"confusion/subject", "reliability/subject", "scatter/goodness"} <= measured
    assert "gradients/cosines" in tags
    assert events.Tags()["graph"]
    assert any("title" in node.name for node in events.Graph().node)
    assert "vocabulary_size: 400" in _text(begun, "configuration")[0]
    samples = _text(of_validation, "summaries/title")
    assert len(samples) == 4 and all("| text | reference | generated |" in sample for sample in samples)
    weights = [float(tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors("weight/subject")]
    assert weights == [1.0] * len(weights)
    shares = [
        [float(tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors(f"share_of_rows/{task}")]
        for task in ("subject", "goodness")
    ]
    # Each row belongs to one of the two sources.
    np.testing.assert_allclose(np.sum(shares, axis=0), 1.0, rtol=1e-6)


def _text(events: EventAccumulator, tag: str) -> list[str]:
    return [tensor_util.make_ndarray(event.tensor_proto).item().decode() for event in events.Tensors(tag)]


def test_training_a_finished_run_again_says_so_and_changes_nothing(trained, configure, caplog):
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    with caplog.at_level(logging.INFO, "tfmtl"):
        assert run("train", configure(training={"epochs": 4}), "--run", trained) == 0
    assert "this training is finished, after 4 epochs" in caplog.text
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before


def test_another_configuration_is_refused_and_named(trained, configure, capsys):
    before = (trained / "config.yaml").read_bytes()
    assert run("train", configure(training={"epochs": 5}), "--run", trained) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("error: ")
    assert "belongs to another configuration (training.epochs: it has 4, asked for 5)" in message
    assert (trained / "config.yaml").read_bytes() == before


def test_evaluating_an_unknown_split_names_those_there_are(trained, capsys):
    assert run("evaluate", trained, "--split", "validaton") == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "'validaton'" in message and "did you mean 'validation'?" in message
    assert not (trained / "evaluation_validaton.json").exists()


def test_a_damaged_best_model_is_named(trained, capsys):
    path = trained / "checkpoints" / "best.keras"
    whole = path.read_bytes()
    try:
        for damaged in (b"", whole[: len(whole) // 2], b"no zip file"):
            path.write_bytes(damaged)
            assert run("evaluate", trained) == 2
            message = capsys.readouterr().err.strip().splitlines()[-1]
            assert message.startswith("error: ") and "best.keras: damaged" in message
    finally:
        path.write_bytes(whole)


def test_an_output_that_cannot_be_written(trained, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run("evaluate", trained, "--output", tmp_path / "file" / "evaluation.json") == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message == f"error: {tmp_path}/file/evaluation.json: '{tmp_path}/file' is a file, not a folder"


def test_five_lines_of_python(trained, tmp_path):
    import tfmtl

    evaluation = tfmtl.evaluate(tfmtl.RunFolder.open(trained), "validation")
    assert evaluation["tasks"]["subject"]["accuracy"] > 0.9
    texts = ["the river of with many stormy old", "near violin under over short distant"]
    answers = tfmtl.predict(trained, texts)
    assert [answer["subject"]["label"] for answer in answers] == ["weather", "travel"]
    assert set(answers[0]) == {"subject", "title"}
    (scored,) = tfmtl.predict(trained, [("good good good new many of", "good the of with under many")])
    assert 2.5 < scored["goodness"]["score"] < 5.5


def test_the_best_model_is_a_keras_model_like_any_other(trained):
    model = keras.models.load_model(trained / "checkpoints" / "best.keras")
    assert set(model.output) == set(TASKS)


def test_a_comparison_of_one_run_is_refused(trained, capsys):
    assert run("compare", trained) == 2
    assert "name two or more runs" in capsys.readouterr().err
    assert run("compare", trained, f"{trained}/../tiny") == 2
    assert "appears twice" in capsys.readouterr().err


def test_a_training_begins_with_the_weights_of_another_run(trained, configure, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "tfmtl"):
        again = ("train", configure(training={"epochs": 0}), "--from", trained, "--run", tmp_path / "again")
        assert run(*again) == 0
    assert any(message.startswith("begins with ") and "; new are" not in message for message in caplog.messages)
    rows = [list(csv.DictReader((path / "history.csv").open())) for path in (trained, tmp_path / "again")]
    losses = [f"val_{task}_loss" for task in TASKS]
    best = max(rows[0], key=lambda row: (float(row["val_score"]), -sum(float(row[loss]) for loss in losses)))
    # Without an update, it measures what the other run has kept.
    for name in ("val_score", *losses):
        assert float(rows[1][0][name]) == pytest.approx(float(best[name]), rel=1e-4, abs=1e-5)
    # It has its own tokenizer and model, and needs the other run no more.
    assert yaml.safe_load((tmp_path / "again" / "config.yaml").read_text())["training"]["start_from"] == str(trained)
