import pytest

from tfmtl.core.atomic_write import atomic_write, check_folder, check_place
from tfmtl.core.errors import RunError


def test_the_file_appears_once_the_block_has_ended_in_a_folder_that_is_made(tmp_path):
    path = tmp_path / "new" / "report.md"
    with atomic_write(path) as aside:
        aside.write_text("half", encoding="utf-8")
        assert not path.exists()
        assert aside.suffix == ".md" and aside.parent == path.parent
    assert path.read_text(encoding="utf-8") == "half"
    assert [entry.name for entry in path.parent.iterdir()] == ["report.md"]


@pytest.mark.parametrize("makes_folder", [False, True])
def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path, makes_folder):
    path = tmp_path / "history.csv"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(RuntimeError, match="disk"), atomic_write(path) as aside:
        if makes_folder:
            aside.mkdir()
            (aside / "part").write_text("half", encoding="utf-8")
        else:
            aside.write_text("half", encoding="utf-8")
        raise RuntimeError("disk")
    assert {entry.name: entry.read_text(encoding="utf-8") for entry in tmp_path.iterdir()} == {"history.csv": "before"}


def test_an_error_of_the_system_names_the_file_itself(tmp_path):
    path = tmp_path / "report.md"
    with pytest.raises(IsADirectoryError) as caught, atomic_write(path) as aside:
        aside.mkdir()
        aside.write_text("half", encoding="utf-8")
    assert caught.value.filename == str(path)


def test_a_folder_is_there_whole(tmp_path):
    with atomic_write(tmp_path / "tokenizer") as aside:
        aside.mkdir()
        (aside / "vocabulary.spm").write_bytes(b"pieces")
    assert (tmp_path / "tokenizer" / "vocabulary.spm").read_bytes() == b"pieces"


def test_a_place_below_a_file_or_taken_by_one_is_told(tmp_path):
    (tmp_path / "file").touch()
    check_place(tmp_path / "new" / "deep")
    check_folder(tmp_path)
    assert not (tmp_path / "new").exists()
    with pytest.raises(RunError) as caught:
        check_place(tmp_path / "file" / "deep" / "er")
    assert str(caught.value) == f"{tmp_path}/file/deep/er: '{tmp_path}/file' is a file, not a folder"
    with pytest.raises(RunError) as caught:
        check_folder(tmp_path / "file")
    assert str(caught.value) == f"{tmp_path}/file: this is a file, not a folder"
