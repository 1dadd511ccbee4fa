import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tfmtl.api.experiment
import yaml

from tfmtl.core.errors import RunError, UserError
from tfmtl.runs.fingerprints import fingerprints
from tfmtl.runs.run_folder import RunFolder


def rows_of(experiment, source):
    (path,) = experiment.sources[source].options.paths["held"]
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def held(make_experiment, experiment):
    """The tiny experiment, two of whose sources have a split of their own; its rows are those of validation."""
    sources = experiment.as_mapping()["sources"]
    for name in ("tickets", "pairs"):
        sources[name]["splits"] = {"held": sources[name]["validation"]}
    return make_experiment(sources=sources, evaluation={"bootstrap_samples": 100})


@pytest.fixture(scope="module")
def run(held, model, data, tmp_path_factory):
    """A run as a training leaves it."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    folder.claim(held, data.tasks)
    data.tokenizer.save(folder.tokenizer)
    folder.checkpoints.mkdir()
    model.save(folder.best_model)
    return folder


@pytest.fixture(scope="module")
def answers(run, held):
    """What is predicted of the texts of `tickets`, then of the pairs, given as tuples and lists in turn."""
    texts = [row["text"] for row in rows_of(held, "tickets")]
    pairs = [(row["first"], row["second"]) for row in rows_of(held, "pairs")]
    mixed = (pair if index % 2 else list(pair) for index, pair in enumerate(pairs))
    return tfmtl.api.experiment.predict(run, (text for of in (texts, mixed) for text in of))


def test_texts_have_the_answers_of_their_tasks_and_pairs_those_of_all(answers):
    assert [list(answer) for answer in answers] == [["topic", "title", "stars"]] * 6 + [
        ["topic", "title", "same", "stars"]
    ] * 6
    for answer in answers:
        assert sum(answer["topic"]["probabilities"].values()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("cut", [("test",), ()])
def test_a_test_cut_from_a_train_that_has_changed_is_not_measured(tmp_path, data, caplog, cut):
    folder, (stream, *_) = RunFolder(tmp_path / "run"), data.streams
    stream = dataclasses.replace(stream, splits={"test": stream.splits["validation"]}, cut=cut)
    less = dataclasses.replace(stream, splits={"test": stream.splits["test"].take(np.arange(4))})
    folder.path.mkdir()
    folder.rows.write_text(json.dumps(fingerprints([stream])))
    tfmtl.api.experiment._check_unseen(folder, [stream], "test")
    assert not caplog.messages
    if cut:
        with pytest.raises(RunError, match=r"test is cut from train, which has other rows .*6 rows then, 4 now"):
            tfmtl.api.experiment._check_unseen(folder, [less], "test")
    else:
        tfmtl.api.experiment._check_unseen(folder, [less], "test")
        message = "test has other rows than when this run was trained (test of tickets/text: 6 rows then, 4 now)"
        assert caplog.messages == [message]


@pytest.fixture(scope="module")
def evaluation(run, tmp_path_factory):
    """The file that was asked for, what stands in it, and what `evaluate` returned."""
    path = tmp_path_factory.mktemp("evaluations") / "new" / "held.json"
    returned = tfmtl.api.experiment.evaluate(str(run.path), "held", str(path))
    return path, json.loads(path.read_text(encoding="utf-8")), returned


def test_the_evaluation_is_returned_and_written_where_it_was_asked_for(evaluation, run):
    path, written, returned = evaluation
    assert written == returned and returned["split"] == "held"
    assert [entry.name for entry in path.parent.iterdir()] == ["held.json"]
    assert not run.evaluation("held").exists()
    assert (run.path / "report.md").read_text(encoding="utf-8").startswith("# tiny: evaluation on held\n")


def test_tasks_whose_source_has_the_split_are_measured_on_their_labelled_rows(evaluation, held):
    _, _, returned = evaluation
    tickets = rows_of(held, "tickets")
    labelled = {
        "topic": sum(row["label"] is not None for row in tickets),
        "title": sum(row["summary"] is not None for row in tickets),
        "same": len(rows_of(held, "pairs")),
    }
    assert {name: task["examples"] for name, task in returned["tasks"].items()} == labelled
    assert labelled["title"] < labelled["topic"] < len(tickets)


def test_the_accuracy_is_the_share_of_predictions_that_are_right(evaluation, answers, held):
    _, _, returned = evaluation
    tickets, pairs = rows_of(held, "tickets"), rows_of(held, "pairs")
    right = [
        answer["topic"]["label"] == row["label"]
        for row, answer in zip(tickets, answers[:6], strict=True)
        if row["label"] is not None
    ]
    assert returned["tasks"]["topic"]["accuracy"] == pytest.approx(np.mean(right))
    right = [answer["same"]["label"] == row["same"] for row, answer in zip(pairs, answers[6:], strict=True)]
    assert returned["tasks"]["same"]["accuracy"] == pytest.approx(np.mean(right))


def test_an_evaluation_is_never_written_over_a_folder(tmp_path):
    with pytest.raises(RunError) as caught:
        tfmtl.api.experiment.evaluate(RunFolder(tmp_path / "none"), output=tmp_path)
    assert str(caught.value) == (f"{tmp_path}: this is a folder; name the file that the evaluation is to be written to")


@pytest.mark.parametrize("call", [tfmtl.api.experiment.evaluate, tfmtl.api.experiment.export])
def test_what_is_no_run_is_named(call, tmp_path):
    with pytest.raises(RunError) as caught:
        call(str(tmp_path / "none"))
    assert str(caught.value) == f"{tmp_path}/none: there is no such run folder"


def test_a_bare_text_is_refused_before_the_model_is_opened(tmp_path):
    with pytest.raises(UserError) as caught:
        tfmtl.api.experiment.predict(tmp_path / "none", "the cat sleeps")
    assert str(caught.value) == "predict: expected several texts, found one; put it into a list"
    with pytest.raises(RunError) as caught:
        tfmtl.api.experiment.predict(tmp_path / "none", ["the cat sleeps"])
    assert str(caught.value) == f"{tmp_path}/none: there is no such run or export folder"


@pytest.mark.parametrize("text", [("a", "b", "c"), b"ab", (1, 2), None, 3, ()])
def test_what_is_neither_a_text_nor_a_pair_is_refused(tmp_path, text):
    with pytest.raises(UserError, match=r"^predict: expected a text, or a pair of texts, found "):
        tfmtl.api.experiment.predict(tmp_path / "none", ["the cat sleeps", text])


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_training_goes_into_the_folder_of_its_name_where_no_other_is_given(here, experiment):
    values = {key: value for key, value in experiment.as_mapping().items() if key != "name"}
    (here / "letters.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    (here / "named.yaml").write_text(experiment.to_yaml(), encoding="utf-8")
    (here / "runs").mkdir()
    for name in ("tiny", "letters", "other"):
        (here / "runs" / name).write_text("mine", encoding="utf-8")
    calls = {
        "runs/tiny": [(experiment,), (here / "named.yaml",)],
        "runs/letters": [("letters.yaml",)],
        "runs/other": [(experiment, "runs/other"), ("letters.yaml", Path("runs/other"))],
    }
    for folder, several in calls.items():
        for arguments in several:
            with pytest.raises(RunError) as caught:
                tfmtl.api.experiment.train(*arguments)
            assert str(caught.value) == f"{folder}: this is a file, not a folder; choose another with --run"


def test_an_export_goes_into_the_folder_of_the_name_where_no_other_is_given(here, run):
    (here / "saved_models").mkdir()
    for name in ("tiny", "other"):
        (here / "saved_models" / name).write_text("mine", encoding="utf-8")
    for arguments, folder in {(run,): "tiny", (str(run.path), "saved_models/other"): "other"}.items():
        with pytest.raises(RunError) as caught:
            tfmtl.api.experiment.export(*arguments)
        assert str(caught.value).startswith(f"saved_models/{folder}: this is a file, not the folder of an export; ")


def test_a_run_without_a_best_model_can_be_neither_evaluated_nor_exported_nor_asked(run, tmp_path):
    begun = shutil.copytree(run.path, tmp_path / "begun", ignore=shutil.ignore_patterns("*.keras"))
    for call in (
        lambda: tfmtl.api.experiment.evaluate(begun),
        lambda: tfmtl.api.experiment.export(begun, tmp_path / "export"),
        lambda: tfmtl.api.experiment.predict(begun, ["the cat sleeps"]),
    ):
        with pytest.raises(RunError) as caught:
            call()
        assert str(caught.value) == f"{begun}: no epoch of this run has been finished, or its best.keras was removed"
    assert not (tmp_path / "export").exists()
