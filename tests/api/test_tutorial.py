"""What each step leaves to the next; that the tutorial learns stands in `tests/end_to_end/test_tutorial.py`."""

import csv

import pytest

from tfmtl.api.tutorial import _experiment_of, build_model, evaluate_model, preprocess_data
from tfmtl.core.errors import ConfigurationError, UserError


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    for split, rows in {"train": 24, "validation": 4, "test": 4}.items():
        with open(folder / f"{split}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["body", "label", "short"])
            for row in range(rows):
                animal = ("cat", "dog")[row % 2]
                writer.writerow([f"the {animal} number {row} sleeps in the garden", animal, f"{animal} {row}"])
    return {split: folder / f"{split}.csv" for split in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def data(files):
    return preprocess_data(files, text="body", summary="short", vocab_size=300, name="animals")


@pytest.fixture(scope="module")
def model(data):
    return build_model(data, hidden_size=16, layers=3, heads=2)


def test_both_tasks_read_the_same_text(data):
    assert data.experiment.name == "animals"
    assert list(data.data.tasks) == ["label", "summary"]
    (stream,) = data.data.streams
    assert [len(stream.splits[split]) for split in ("train", "validation")] == [24, 4]
    assert data.data.tasks["label"].labels == ("cat", "dog")


def test_a_field_that_is_none_is_no_task_and_a_run_is_named_after_its_file(files):
    data = preprocess_data(files["train"], text="body", summary=None, vocab_size=300)
    assert (list(data.data.tasks), data.experiment.name) == (["label"], "train")
    model = build_model(data, hidden_size=8, layers=1, heads=1)
    assert model.network.layers.decoders == {}
    assert _experiment_of(model, data).model.decoder.layers == 1


def test_the_following_steps_know_the_network_from_its_own_layers(model, data):
    found = _experiment_of(model, data).model
    options = found.encoder.options
    assert (options.layers, options.hidden, options.heads, options.feedforward) == (3, 16, 2, 64)
    assert found.decoder.layers == 1
    assert {name: task.kind for name, task in _experiment_of(model, data).tasks.items()} == {
        name: task.kind for name, task in data.data.tasks.items()
    }


def test_every_task_is_measured_on_all_its_rows(model, data):
    metrics = evaluate_model(model, data)
    assert {name: found["examples"] for name, found in metrics.items()} == {"label": 4, "summary": 4}
    assert list(metrics["label"]["intervals"]) == ["accuracy", "f1_macro", "matthews"]


def test_what_does_not_fit_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="expected a training file that ends in csv, tsv, jsonl, json"):
        preprocess_data(tmp_path / "tickets.xlsx")
    with pytest.raises(UserError, match=r"tickets.csv"):
        preprocess_data(tmp_path / "tickets.csv")
