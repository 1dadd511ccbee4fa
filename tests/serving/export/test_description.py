import json
import os
from importlib.metadata import version

import pytest

import tfmtl
from tfmtl.core.errors import RunError
from tfmtl.serving.export.description import Description, is_version, versions_in
from tfmtl.serving.export.served_task import ServedTask

TASKS = {
    "topic": ServedTask(kind="classification", labels=("b", "a", "Zürich"), text="body"),
    "same": ServedTask(kind="regression", pair=True),
}


def test_a_description_is_read_as_it_was_written(tmp_path):
    description = Description.of("tiny", TASKS)
    description.write(tmp_path)
    assert Description.read(tmp_path) == description
    written = json.loads((tmp_path / "metadata.json").read_text(encoding="utf-8"))
    assert list(written["tasks"]) == ["topic", "same"]
    assert written["tasks"]["topic"] == {
        "kind": "classification",
        "pair": False,
        "labels": ["b", "a", "Zürich"],
        "text": "body",
        "text_pair": "text_pair",
        "options": {},
        "missing": None,
    }
    assert written["versions"]["tfmtl"] == tfmtl.__version__
    assert written["versions"]["tensorflow"] == version("tensorflow")
    assert set(written["versions"]) == {"tfmtl", "tensorflow", "tensorflow-text", "keras"}


def test_a_description_that_is_not_there_or_damaged_is_told(tmp_path):
    with pytest.raises(RunError, match=r"not an export of tfmtl: there is no metadata.json"):
        Description.read(tmp_path)
    Description.of("tiny", TASKS).write(tmp_path)
    path = tmp_path / "metadata.json"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.raises(RunError, match=r"metadata.json: damaged: [^\n]*$"):
        Description.read(tmp_path)


def test_versions_are_whole_numbers_with_a_graph_in_order_of_their_value(tmp_path):
    for name in ("2", "10", "1", "03", "1.5", "-4", "²", "5", str(1 << 63)):
        (tmp_path / name).mkdir()
        if name != "5":
            (tmp_path / name / "saved_model.pb").touch()
    (tmp_path / "7").touch()
    assert versions_in(tmp_path) == [1, 2, 10]
    assert not is_version(tmp_path / "5")


def test_another_minor_version_than_the_one_that_made_it_is_told(caplog):
    description = Description.of("tiny", TASKS)
    major, minor, patch, *_ = version("tensorflow").split(".")
    same = description.model_copy(update={"versions": {**description.versions, "tensorflow": f"{major}.{minor}.99"}})
    for each in (description, same):
        each.warn_of_other_versions("tiny/1")
    assert not caplog.messages
    older = f"{major}.{int(minor) - 1}.{patch}"
    description.model_copy(update={"versions": {"tensorflow": older}}).warn_of_other_versions("tiny/1")
    expected = f"tiny/1 was made with tensorflow {older}; here it is {version('tensorflow')}"
    assert caplog.messages == [expected]


def test_that_no_stock_server_has_both_is_told(caplog):
    versions = {"tensorflow": "2.21.0", "tensorflow-text": "2.21.1"}
    Description(name="tiny", tasks=TASKS, versions=versions).warn_of_stock_servers()
    assert not caplog.messages
    Description(name="tiny", tasks=TASKS, versions={**versions, "tensorflow-text": "2.20.1"}).warn_of_stock_servers()
    assert caplog.messages == [
        "TensorFlow is 2.21.0 and TensorFlow Text 2.20.1: a stock server has both in the same minor version"
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../../etc"}, "name: "),
        ({"name": "a/b"}, "name: "),
        ({"name": "a\nb"}, "name: "),
        ({"name": "a\n"}, "name: "),
        ({"name": "$HOME"}, "name: "),
        ({"tasks": {"a b": {"kind": "regression"}}}, "tasks: a b: "),
        ({"tasks": {"a": {"kind": "clasification"}}}, "did you mean 'classification'"),
        ({"versions": {"tensorflow": "2.21\nprivileged: true"}}, "versions: tensorflow: "),
        ({"versions": {"tensorflow": "$TAG"}}, "versions: tensorflow: "),
        ({"versions": {"tensorflow": "latest"}}, "versions: tensorflow: "),
        ({"versions": 3}, "versions: "),
        ({"tasks": [[]]}, "tasks: "),
        ({"tasks": {}}, "tasks: "),
    ],
)
def test_what_goes_into_files_and_commands_is_checked(tmp_path, change, message):
    Description.of("tiny", TASKS).write(tmp_path)
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunError, match=f"damaged: .*{message}") as caught:
        Description.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_pipe_is_no_description(tmp_path):
    os.mkfifo(tmp_path / "metadata.json")
    with pytest.raises(RunError, match=r"metadata.json: not a file$"):
        Description.read(tmp_path)


@pytest.mark.parametrize("readings", [-1, 0])
def test_readings_that_no_export_has_are_damage(tmp_path, readings):
    Description.of("tiny", TASKS).write(tmp_path)
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"readings": readings}))
    with pytest.raises(RunError, match="damaged: readings"):
        Description.read(tmp_path)
