import pytest

from tfmtl.core.errors import RunError
from tfmtl.core.parts import check_output, check_output_folder


@pytest.fixture
def made(tmp_path):
    """A folder with something like a run and an export."""
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").touch()
    (tmp_path / "export" / "1" / "variables").mkdir(parents=True)
    (tmp_path / "export" / "1" / "saved_model.pb").touch()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        *("run/config.yaml", "run/checkpoints/best.keras", "link/report.md", "run/answers_test.jsonl", "run/.lock"),
        *("run/plots/losses.png", "export/1/saved_model.pb", "export/1/variables/variables.index"),
        "export/1/model_card.md",
    ],
)
def test_what_runs_and_exports_are_made_of_is_refused(made, name):
    with pytest.raises(RunError, match=f"{name}: this is a part of .*, which would be damaged"):
        check_output(made / name)


@pytest.mark.parametrize(
    "name", ["run/evaluation_test.json", "run/own.jsonl", "config.yaml", "run/../rows.json", "export/metadata.json"]
)
def test_what_is_none_or_elsewhere_is_not(made, name):
    check_output(made / name)


def test_what_is_read_is_not_replaced(made):
    given = made / "rows.jsonl"
    given.touch()
    (made / "again.jsonl").symlink_to(given)
    for name in ("rows.jsonl", "again.jsonl"):
        with pytest.raises(RunError, match=f"{name}: this is the file that is read, which would be lost"):
            check_output(made / name, None, given)
    check_output(made / "answers.jsonl", given, made / "none.jsonl")


def test_no_run_and_no_export_is_a_folder_of_outputs(made):
    for name in ("run", "link", "export/1", "run/tensorboard"):
        with pytest.raises(RunError, match="choose another f"):
            check_output_folder(made / name)
    check_output_folder(made / "export")
    check_output_folder(made / "run" / "compared")
