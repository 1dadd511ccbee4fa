"""On files with known rows: what the baselines learn from, and which rows have been seen."""

import numpy as np
import pytest

from tfmtl.config.experiment import parse
from tfmtl.config.options import EvaluationOptions
from tfmtl.core.errors import RunError
from tfmtl.metrics.scoring import evaluate_task
from tfmtl.reports.answers import Answers
from tfmtl.reports.comparison.compared_run import ComparedRun
from tfmtl.reports.comparison.cost import TrainingCost
from tfmtl.reports.comparison.reference import reference_of
from tfmtl.reports.comparison.systems import systems_of

TRAIN = {
    "phones": ["small fresh\tgood", "small\tgood", "large\tbad", "large stale\tbad", "small case\tgood"],
    "rooms": ["large view\tgood", "large\tgood", "small\tbad", "small view\tbad", "large door\tgood"],
}
TEST = ["small\tgood", "large\tbad", "fresh  water\tgood", "fresh\tgood"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, rows in TRAIN.items():
        for split, of_split in {"train": rows, "validation": ["fresh water\tgood"], "test": TEST}.items():
            (tmp_path / f"{name}.{split}.tsv").write_text("\n".join(["text\tlabel", *of_split]) + "\n")
    return tmp_path


def answering(name, tasks, right):
    """A run whose answers to the rows of test are right where `right` says so."""
    sources = {
        task: {"format": "tsv", **{split: f"{task}.{split}.tsv" for split in ("train", "validation", "test")}}
        for task in tasks
    }
    described = {task: {"kind": "classification", "source": task, "labels": ["bad", "good"]} for task in tasks}
    experiment = parse(
        {"name": name, "sources": sources, "tasks": described, "model": {"head_dropout": len(name) / 99}}
    )
    texts, targets = [row.split("\t")[0] for row in TEST], np.array([1, 0, 1, 1])
    predictions = np.eye(2, dtype=np.float32)[np.where(right, targets, 1 - targets)]
    options = EvaluationOptions(bootstrap_samples=100)
    metrics = {task: evaluate_task(experiment.tasks[task], targets, predictions, options, 0) for task in tasks}
    answers = {task: Answers(texts, targets, predictions) for task in tasks}
    return ComparedRun(f"runs/{name}", experiment, metrics, answers, 1, TrainingCost(1, 1.0, None, {}), 1.0)


@pytest.fixture
def systems(folder):
    both = ["phones", "rooms"]
    return systems_of([answering("both", both, [True, True, True, False]), answering("other", both, [False] * 4)])


def test_baselines_learn_from_train_alone_and_from_all_tasks(systems):
    baselines = reference_of(systems, "test").baselines
    assert list(baselines) == ["majority", "naive_bayes", "linear_svm", "linear_svm_pooled", "linear_svm_augmented"]
    # Three of five rows of train are good, and three of four of test.
    assert baselines["majority"]["phones"]["accuracy"] == 0.75
    # Of phones all words are known; of rooms `small` and `large` are the other way round.
    assert baselines["linear_svm"]["phones"]["accuracy"] == 1.0
    assert baselines["linear_svm"]["rooms"]["accuracy"] <= 0.5
    assert baselines["linear_svm_augmented"]["rooms"]["accuracy"] == baselines["linear_svm"]["rooms"]["accuracy"]


def test_rows_that_train_or_validation_has_are_counted_and_left_out(systems):
    reference = reference_of(systems, "test")
    # `small` and `large` stand in train, `fresh water` in validation; white space does not count.
    assert reference.seen_rows == {"phones": 3, "rooms": 3}
    assert reference.unseen["both"] == {"phones": 0.0, "rooms": 0.0}
    assert reference.unseen["majority"] == {"phones": 1.0, "rooms": 1.0}


def test_without_such_rows_nothing_is_said_of_them(folder):
    for name in TRAIN:
        (folder / f"{name}.train.tsv").write_text("text\tlabel\nsmall one\tgood\nlarge one\tbad\n")
        (folder / f"{name}.validation.tsv").write_text("text\tlabel\nanother\tgood\n")
    reference = reference_of(systems_of([answering("both", list(TRAIN), [True] * 4)]), "test")
    assert reference.seen_rows == {"phones": 0, "rooms": 0} and reference.unseen == {}


def test_other_rows_than_those_evaluated_are_refused(systems, folder):
    (folder / "rooms.test.tsv").write_text("text\tlabel\nanother\tgood\n")
    with pytest.raises(RunError, match="runs/both: task 'rooms' has other rows than when the run was evaluated"):
        reference_of(systems, "test")


def test_rows_without_a_target_are_not_learned(folder):
    """Of a stream of two tasks, each learns from its own rows: the others would be of no class."""
    train = ["small\tgood\tgood", "small thing\tgood\t", "large\tbad\tbad", "large thing\t\tbad", "dull\t\tbad"]
    test = ["small\tgood\tgood", "dull\tbad\tbad"]
    for split, rows in {"train": train, "validation": train[:1], "test": test}.items():
        (folder / f"films.{split}.tsv").write_text("\n".join(["text\tplot\ttone", *rows]) + "\n")
    source = {"format": "tsv", **{split: f"films.{split}.tsv" for split in ("train", "validation", "test")}}
    tasks = {
        name: {"kind": "classification", "source": "films", "label": name, "labels": ["bad", "good"]}
        for name in ("plot", "tone")
    }
    experiment = parse({"name": "films", "sources": {"films": source}, "tasks": tasks})
    answers = dict.fromkeys(tasks, Answers(["small", "dull"], np.array([1, 0]), np.eye(2, dtype=np.float32)[[1, 0]]))
    metrics = {name: {"accuracy": 1.0} for name in tasks}
    run = ComparedRun("runs/films", experiment, metrics, answers, 1, TrainingCost(1, 1.0, None, {}), 1.0)
    found = reference_of(systems_of([run]), "test").answers
    # Two of three rows with a plot are good, three of four with a tone are bad.
    assert found["majority"]["plot"].argmax(axis=1).tolist() == [1, 1]
    assert found["majority"]["tone"].argmax(axis=1).tolist() == [0, 0]
    assert found["linear_svm"]["tone"].argmax(axis=1).tolist() == [1, 0]
