import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.api.conftest import rows_of
from tfmtl.api.evaluate import _check_unseen, evaluate
from tfmtl.core.errors import DataError, RunError, UserError
from tfmtl.data.cut import read_cut
from tfmtl.runs.fingerprints import fingerprints
from tfmtl.runs.run_folder import RunFolder


@pytest.mark.parametrize("cut", [("test",), ()])
def test_a_test_cut_from_a_train_that_has_changed_is_not_measured(tmp_path, data, caplog, cut):
    folder, (stream, *_) = RunFolder(tmp_path / "run"), data.streams
    stream = dataclasses.replace(stream, splits={"test": stream.splits["validation"]}, cut=cut)
    less = dataclasses.replace(stream, splits={"test": stream.splits["test"].take(np.arange(4))})
    folder.path.mkdir()
    folder.rows.write_text(json.dumps(fingerprints([stream])))
    _check_unseen(folder, [stream], "test")
    assert not caplog.messages
    if cut:
        with pytest.raises(RunError, match=r"cut from the training split, which has other rows .*6 rows then, 4 now"):
            _check_unseen(folder, [less], "test")
    else:
        _check_unseen(folder, [less], "test")
        message = "test has other rows than when this run was trained (test of tickets/text: 6 rows then, 4 now)"
        assert caplog.messages == [message]


@pytest.fixture(scope="module")
def evaluation(run, tmp_path_factory):
    """The file that was asked for, what stands in it, and what `evaluate` returned."""
    path = tmp_path_factory.mktemp("evaluations") / "new" / "held.json"
    returned = evaluate(str(run.path), "held", str(path))
    return path, json.loads(path.read_text(encoding="utf-8")), returned


def test_the_evaluation_is_returned_and_written_where_it_was_asked_for(evaluation, run):
    path, written, returned = evaluation
    assert written == returned and returned["split"] == "held"
    limits = {cut.key: cut.limit for cut in read_cut(run.cut("held"))}
    assert limits.items() <= {"model.encoder.max_length": 48, "tasks.title.max_length": 12}.items()
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
        evaluate(RunFolder(tmp_path / "none"), output=tmp_path)
    assert str(caught.value) == (f"{tmp_path}: this is a folder; name the file that the evaluation is to be written to")


@pytest.mark.parametrize("part", ["config.yaml", "checkpoints/best.keras"])
def test_an_evaluation_is_never_written_over_a_part_of_the_run(run, part):
    output = run.path / part
    before = output.read_bytes()
    with pytest.raises(RunError, match=f"{part}: this is a part of .*, which would be damaged"):
        evaluate(run, "held", output)
    assert output.read_bytes() == before


def test_a_run_that_may_not_be_written_to_is_evaluated_and_stays_as_it_is(
    run, evaluation, tmp_path, monkeypatch, caplog
):
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    monkeypatch.setattr("tfmtl.api.evaluate.os.access", lambda path, mode: Path(path) != run.path)
    found = evaluate(run, "held", tmp_path / "held.json")
    assert json.loads((tmp_path / "held.json").read_text()) == found == evaluation[1]
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before
    assert f"{run.path} may not be written to: there will be no report and no answers in it" in caplog.messages


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(RunError) as caught:
        evaluate(str(tmp_path / "none"))
    assert str(caught.value) == f"{tmp_path}/none: there is no such run folder"


def test_a_run_without_a_best_model_cannot_be_evaluated(run, tmp_path):
    begun = shutil.copytree(run.path, tmp_path / "begun", ignore=shutil.ignore_patterns("*.keras"))
    with pytest.raises(RunError) as caught:
        evaluate(begun)
    assert str(caught.value) == f"{begun}: no epoch of this run has been finished, or its best.keras was removed"


def test_a_file_is_measured_by_the_tasks_whose_fields_it_has_and_the_run_stays_as_it_is(run, held, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    rows = [row for row in rows_of(held, "tickets") if row["label"] is not None]
    path = tmp_path / "new.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = evaluate(run, data=path, output=tmp_path / "new.json")
    assert json.loads((tmp_path / "new.json").read_text(encoding="utf-8")) == found
    assert found["split"] == "data" and set(found["tasks"]) == {"topic", "title"}
    assert found["tasks"]["topic"]["examples"] == len(rows)
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before


def test_data_that_no_task_can_read_is_one_line(run, tmp_path):
    path = tmp_path / "new.jsonl"
    path.write_text('{"body": "a"}\n')
    with pytest.raises(DataError, match=r"new\.jsonl: there is no column 'text'"):
        evaluate(run, data=path)
    with pytest.raises(DataError, match="there is no such file"):
        evaluate(run, data=tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="a split and data are given; choose one"):
        evaluate(run, "test", data=path)
