import os

import pytest

from tfmtl.core.errors import RunError
from tfmtl.core.regular_files import MOST_BYTES, check_regular_files, read_description, read_json


def test_files_folders_and_links_to_them_are_all_there_may_be(tmp_path):
    folder = tmp_path / "run"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "a.txt").write_text("a")
    (folder / "link").symlink_to(folder / "below" / "a.txt")
    (folder / "nowhere").symlink_to(tmp_path / "none")
    (folder / "round").symlink_to(folder)
    check_regular_files(folder)


@pytest.mark.parametrize("name", ["a", "below/a.csv", ".lock"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_a_pipe_or_a_device_is_named(tmp_path, name, make):
    (tmp_path / "below").mkdir()
    make(tmp_path / name)
    with pytest.raises(RunError, match=rf"{name}: neither a file nor a folder$"):
        check_regular_files(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 200_000, "damaged: it is nested too deeply"),
        (b"\xff", "damaged: 'utf-8' codec can't decode"),
        (b"{", "damaged: Expecting property name"),
    ],
)
def test_what_is_no_json_is_one_line(tmp_path, content, message):
    path = tmp_path / "rows.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match=rf"rows.json: {message}") as caught:
        read_json(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "metadata.json"
    path.touch()
    os.truncate(path, MOST_BYTES + 1)
    with pytest.raises(RunError, match=rf"metadata.json: damaged: it has {MOST_BYTES + 1} bytes"):
        read_description(path)


def test_json_is_read(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('{"a": [1, null]}')
    assert read_json(path) == {"a": [1, None]}
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")
