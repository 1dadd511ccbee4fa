import errno
import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from tfmtl.core.atomic_write import atomic_write, check_folder, check_place, is_partial, remove_partial
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


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, text="new"):
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8")


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    real, link, relative = tmp_path / "real" / "a.json", tmp_path / "link.json", tmp_path / "relative.json"
    real.write_text("old")
    link.symlink_to(real)
    relative.symlink_to("real/new.json")
    write(link)
    write(relative)
    assert link.is_symlink() and relative.is_symlink()
    assert (real.read_text(), (tmp_path / "real" / "new.json").read_text()) == ("new", "new")
    assert entries(tmp_path / "real") == ["a.json", "new.json"]


def test_a_circle_of_links_is_an_error_that_names_it(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError) as caught:
        write(tmp_path / "a")
    assert caught.value.filename == str(tmp_path / "a") and entries(tmp_path) == ["a", "b"]


def test_what_is_no_file_is_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_place(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write(pipe)
    reader.join(10)
    assert read == ["new"] and stat.S_ISFIFO(pipe.stat().st_mode) and entries(tmp_path) == ["pipe"]


def test_a_device_is_left_as_it_is(tmp_path):
    before = os.stat(os.devnull)
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    for path in (os.devnull, link):
        check_place(path)
        write(path)
    after = os.stat(os.devnull)
    assert stat.S_ISCHR(after.st_mode) and (after.st_ino, after.st_rdev) == (before.st_ino, before.st_rdev)


def test_standard_output_is_written_into():
    code = (
        "from tfmtl.core.atomic_write import atomic_write\nwith atomic_write('/dev/stdout') as a: a.write_text('new')"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "new"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_the_mode_of_a_file_is_kept(tmp_path, mode):
    path = tmp_path / "a.json"
    path.write_text("old")
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode and path.read_text() == "new"


def test_a_new_file_has_the_mode_of_any_other(tmp_path):
    (tmp_path / "other").touch()
    write(tmp_path / "a.json")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_nobody_knows_beforehand_where_it_is_written(tmp_path):
    names = set()
    for _ in range(20):
        with atomic_write(tmp_path / "a.json") as aside:
            names.add(aside.name)
            aside.touch()
    assert len(names) == 20


def test_it_is_on_the_disk_before_it_has_its_name_and_so_is_the_name(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, os.replace

    def synced(descriptor):
        done.append(("fsync", os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def replaced(source, target):
        done.append(("replace", str(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    with atomic_write(tmp_path / "folder") as aside:
        (aside / "deep").mkdir(parents=True)
        (aside / "deep" / "a").write_text("a")
    kinds = [kind for kind, _ in done]
    assert kinds == ["fsync"] * 3 + ["replace", "fsync"]
    assert {path for _, path in done[:3]} == {str(aside), str(aside / "deep"), str(aside / "deep" / "a")}
    assert [path for _, path in done[3:]] == [str(tmp_path / "folder"), str(tmp_path)]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("place", ["write", "fsync", "replace"])
def test_an_error_of_the_disk_names_the_file_and_keeps_what_was_there(tmp_path, monkeypatch, number, place):
    path = tmp_path / "a.json"
    path.write_text("old")

    def fails(*_):
        raise OSError(number, os.strerror(number))

    if place != "write":
        monkeypatch.setattr(os, place, fails)
    with pytest.raises(OSError) as caught, atomic_write(path) as aside:
        aside.write_text("half")
        if place == "write":
            fails()
    assert (caught.value.errno, caught.value.filename) == (number, str(path))
    monkeypatch.undo()
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"a.json": "old"}


def test_a_full_disk_is_told_as_it_is():
    with pytest.raises(OSError) as caught:
        write("/dev/full")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "/dev/full")


KILLED = """
import os, signal, sys
from pathlib import Path
from tfmtl.core.atomic_write import atomic_write
place, path = sys.argv[1], Path(sys.argv[2])
def kill(*_):
    os.kill(os.getpid(), getattr(signal, sys.argv[3]))
if place != "write":
    setattr(os, place, kill)
with atomic_write(path) as aside:
    aside.write_text("half")
    if place == "write":
        kill()
"""


@pytest.mark.parametrize("sent", ["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("place", ["write", "fsync", "replace"])
def test_what_a_killed_process_leaves_is_removed_by_the_next_one(tmp_path, place, sent):
    path = tmp_path / "a.json"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, place, path, sent])
    assert done.returncode == -getattr(signal, sent)
    assert path.read_text() == "old" and len(entries(tmp_path)) == 2
    (left,) = (entry for entry in tmp_path.iterdir() if entry != path)
    assert is_partial(left)
    # What another file, or another machine, or a process that lives may be writing stays.
    others = [left.with_name(left.name.replace(".a.", ".b.")), left.with_name(".a.00000000-1-" + "0" * 12 + ".json")]
    others += [left.with_name(left.name.replace(left.name.split("-")[1], str(os.getppid()))), tmp_path / ".a.json"]
    for other in others:
        other.touch()
    write(path)
    assert path.read_text() == "new" and entries(tmp_path) == sorted(["a.json", *(other.name for other in others)])
    left.touch()
    old = others[1].with_name(".c.11111111-1-" + "0" * 12)
    old.mkdir()
    os.utime(old, (0, 0))
    mine = tmp_path / ".notes.2024.md", tmp_path / ".backup.20240101", tmp_path / ".archive.7"
    for path in mine:
        path.touch()
    # Of a machine that is not this one, only what is old; of this one, whatever an ended process was writing.
    remove_partial(tmp_path)
    kept = [others[1].name, others[2].name, ".a.json", "a.json", *(path.name for path in mine)]
    assert entries(tmp_path) == sorted(kept)


def test_two_processes_write_one_file_and_neither_takes_the_other_s(tmp_path):
    path = tmp_path / "a.json"
    with atomic_write(path) as first:
        first.write_text("first")
        done = subprocess.run([sys.executable, "-c", KILLED.replace("kill()", "pass"), "write", path, "SIGKILL"])
        assert done.returncode == 0 and path.read_text() == "half" and first.is_file()
    assert path.read_text() == "first" and entries(tmp_path) == ["a.json"]
