import json
from pathlib import Path

import pytest

import tfmtl
from tests.api.tickets import SECTIONS, TASKS, table
from tfmtl.core.errors import ConfigurationError, DataError, RunError, UserError
from tfmtl.runs.identity import experiment_of


def test_the_run_keeps_the_fields_that_are_read(fitted):
    lines = (fitted.data / "data_train.jsonl").read_text().splitlines()
    assert len(lines) == 64
    assert json.loads(lines[4]) == {
        "body": "question 4 about the refund",
        "queue": "money",
        "tags": None,
        "title": "refund",
    }
    experiment = experiment_of(fitted)
    assert experiment.name == "tickets"
    assert experiment.tasks["tags"].label_set == ("courier", "invoice", "parcel", "refund")


def test_the_run_is_evaluated_like_any_other(fitted):
    tasks = tfmtl.evaluate(fitted)["tasks"]
    assert {name: found["examples"] for name, found in tasks.items()} == {"queue": 24, "tags": 19, "title": 20}
    assert set(tasks["tags"]) == {
        "f1_micro",
        "f1_macro",
        "average_precision",
        "subset_accuracy",
        "intervals",
        "examples",
    }
    report = (fitted.path / "report.md").read_text()
    assert "## tags (multi_label)" in report and "| label | rows | selected | precision | recall | F1 |" in report


def test_the_same_call_finds_the_training_finished(fitted):
    before = fitted.best_model.stat().st_mtime_ns
    again = tfmtl.fit(TASKS, table(64), table(24, 64), table(24, 88), run=fitted.path, **SECTIONS)
    assert again.path == fitted.path and fitted.best_model.stat().st_mtime_ns == before


def test_other_rows_are_refused_and_leave_the_run_as_it_is(fitted):
    with pytest.raises(RunError, match="this run was trained on other rows; choose another folder by 'run'"):
        tfmtl.fit(TASKS, table(63), table(24, 64), table(24, 88), run=fitted.path, **SECTIONS)
    assert len((fitted.data / "data_train.jsonl").read_text().splitlines()) == 64


def test_what_cannot_be_used_leaves_nothing_behind(tmp_path):
    run = tmp_path / "run"
    with pytest.raises(DataError, match=r"column 'bdy', which tasks.queue.text names; did you mean 'body'"):
        tfmtl.fit({"queue": {**TASKS["queue"], "text": "bdy"}}, table(64), run=run, **SECTIONS)
    with pytest.raises(ConfigurationError, match=r"tasks.queue: unknown key 'lable'; did you mean 'label'"):
        tfmtl.fit({"queue": {"kind": "classification", "lable": "queue"}}, table(64), run=run, **SECTIONS)
    with pytest.raises(ConfigurationError, match=r"tasks.queue.source: this key is required; known: mails, chats"):
        tfmtl.fit({"queue": TASKS["queue"]}, {"mails": table(9), "chats": table(9)}, run=run, **SECTIONS)
    with pytest.raises(ConfigurationError, match=r"no table of 'data' is named 'mail'; did you mean 'mails'"):
        tfmtl.fit({"queue": TASKS["queue"]}, {"mails": table(9)}, validation={"mail": table(9)}, run=run, **SECTIONS)
    with pytest.raises(ConfigurationError, match=r"fit: test: expected a mapping from sources \(mails\) to tables"):
        tfmtl.fit({"queue": TASKS["queue"]}, {"mails": table(9)}, test=table(9), run=run, **SECTIONS)
    with pytest.raises(DataError, match="task 'queue' has no label 'lost'"):
        lost = table(8).assign(queue="lost")
        tfmtl.fit({"queue": TASKS["queue"]}, table(64), validation=lost, run=run, **SECTIONS)
    assert not run.exists()


def test_a_source_of_files_beside_tables_is_named_by_its_files(tmp_path):
    file = tmp_path / "chats.csv"
    file.write_text("text,label\na,x\nb,y\n")
    tasks = {"queue": {**TASKS["queue"], "source": "data"}}
    tasks["chat"] = {"kind": "classification", "source": "chats", "text": "txt"}
    sources = {"chats": {"format": "csv", "train": str(file)}}
    with pytest.raises(DataError, match=r"chats.csv: there is no column 'txt', which tasks.chat.text names; did you"):
        tfmtl.fit(tasks, table(64), run=tmp_path / "run", sources=sources, **SECTIONS)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"body": [{}] + ["a"] * 19}, r"row 0: 'body' is not a text: {}"),
        (
            {"body": ["a"] * 19 + [None]},
            r"row 19: 'body' is empty; 'sources.data.empty_text: skip' leaves such rows out",
        ),
        ({"body": [None] * 20}, r"every row of the column 'body', the text of task 'queue', is empty"),
        (
            {"queue": ["money", "delivery"] * 3 + [None, ["b"]] * 7},
            r"row 7: 'queue' of task 'queue' is not a label: \['b'\]; .*'kind: multi_label' reads several labels",
        ),
    ],
)
def test_errors_name_the_column_and_the_row_of_the_table(tmp_path, changes, message):
    tables = {"data": table(20).assign(**changes), "validation": table(9)}
    with pytest.raises(DataError, match=rf"^fit: data: {message}$"):
        tfmtl.fit({"queue": TASKS["queue"]}, **tables, run=tmp_path / "run", **SECTIONS)
    with pytest.raises(DataError, match=rf"^fit: validation: {message}$"):
        tfmtl.fit({"queue": TASKS["queue"]}, table(20), tables["data"], run=tmp_path / "run", **SECTIONS)
    assert not (tmp_path / "run").exists()


def test_every_field_of_a_text_is_looked_for_in_the_table(tmp_path):
    tasks = {"queue": {**TASKS["queue"], "text": ["title", "body"]}}
    with pytest.raises(DataError, match=r"there is no column 'title', which tasks.queue.text names"):
        tfmtl.fit(tasks, table(20).drop(columns="title"), run=tmp_path / "run", **SECTIONS)
    empty = table(20).assign(title=None, body=None)
    with pytest.raises(
        DataError, match="every row of the columns 'title' and 'body', the text of task 'queue', is empty"
    ):
        tfmtl.fit(tasks, empty, run=tmp_path / "run", **SECTIONS)
    empty.loc[1:, "title"] = "a"
    with pytest.raises(
        DataError, match=r"fit: data: row 0: 'title' and 'body' are empty; 'sources.data.empty_text: skip'"
    ):
        tfmtl.fit(tasks, empty, run=tmp_path / "run", **SECTIONS)
    assert not (tmp_path / "run").exists()


ONLY = {"queue": TASKS["queue"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": None}, "fit: data: expected a DataFrame, a dict of columns, .*, found None"),
        ({"data": []}, "fit: data: the table has no rows"),
        ({"data": {"body": ["a", "b"], "queue": "x"}}, r"fit: data\['queue'\]: expected a list of values, found 'x'"),
        ({"run": Path(__file__)}, ".*test_fit.py: this is a file, not a folder; choose another by 'run'"),
        ({"run": "/proc/x/y"}, "/proc/x/y: cannot be written: .*; choose another by 'run'"),
        ({"tasks": [1]}, "fit: tasks: expected tasks by their names, .*, found list"),
        ({"tasks": None}, "fit: tasks: expected tasks by their names, .*, found None"),
        ({"tasks": {"queue": {**TASKS["queue"], "labels": ["a"]}}}, "tasks.queue.labels: a classification needs two"),
        ({"sources": [1]}, r"sources: expected names and their settings, found \[1\]"),
        ({"sources": {"data": 3}}, "sources.data: expected keys and values, found 3"),
        ({"sources": {"dta": {}}}, "sources.dta: 'data' has no table of this source; did you mean 'data'"),
        (
            {"sources": {"data": {"format": "csv"}}},
            "sources.data.format: remove this key: the rows come from",
        ),
        (
            {"sources": {"data": {"train": "a"}}},
            "sources.data.train: remove this key: the rows come from a table",
        ),
        ({"run": 3}, "run: expected the path of a folder, found 3"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(here, arguments, message):
    with pytest.raises(UserError, match=f"^{message}"):
        tfmtl.fit(**{"tasks": ONLY, "data": table(20), **arguments}, **SECTIONS)
    assert not list(here.iterdir())
