import pytest

from tfmtl.core.errors import RunError
from tfmtl.runs.run_folder import RunFolder


def test_only_a_folder_with_a_configuration_is_opened(folder, tmp_path):
    assert RunFolder.open(str(folder.path)).path == folder.path
    with pytest.raises(RunError) as caught:
        RunFolder.open(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path}/none: there is no such run folder"
    with pytest.raises(RunError) as caught:
        RunFolder.open(tmp_path)
    assert str(caught.value) == f"{tmp_path}: not a run folder: there is no config.yaml in it"
    with pytest.raises(RunError, match=rf"none: there is no such run folder; did you mean '{tmp_path}/nine'\?$"):
        (tmp_path / "nine").mkdir()
        RunFolder.open(tmp_path / "none")
    (tmp_path / "nine" / "1").mkdir()
    (tmp_path / "nine" / "1" / "saved_model.pb").touch()
    with pytest.raises(RunError, match=r"nine: not a run folder: this is an export$"):
        RunFolder.open(tmp_path / "nine")


def test_stages_are_folders_whose_names_are_whole_numbers(tmp_path):
    for name in ("10", "2", "²", "٣", "-1", "x", "9" * 200):
        (tmp_path / "stages" / name).mkdir(parents=True)
    assert [stage.path.name for stage in RunFolder(tmp_path).stages] == ["2", "10", tmp_path.name]
    assert not RunFolder(tmp_path).has_begun


def test_a_folder_shows_its_path_and_is_made_from_nothing_else():
    assert repr(RunFolder("runs/a")) == "RunFolder('runs/a')"
    with pytest.raises(RunError, match=r"^run: expected the path of a folder, found 3$"):
        RunFolder(3)
