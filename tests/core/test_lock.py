import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from tfmtl.core.atomic_write import _HERE
from tfmtl.core.errors import RunError
from tfmtl.core.lock import LOCK_FILE, contents, locked

HOLDS = """
import sys
from tfmtl.core.lock import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder until its input ends."""
    command = [sys.executable, "-c", HOLDS, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_writer_is_told_who_the_first_is(tmp_path, holder):
    with pytest.raises(RunError) as caught, locked(tmp_path / "run"):
        pass
    expected = f"{tmp_path}/run: process {holder.pid} on {socket.gethostname()} (-c {tmp_path}/run) is writing to it; "
    assert str(caught.value) == expected + "wait until that has ended"
    assert [path.name for path in (tmp_path / "run").iterdir()] == [LOCK_FILE]
    holder.communicate("")
    with locked(tmp_path / "run"):
        pass


def test_a_writer_that_is_killed_holds_nothing_and_what_it_left_is_removed(tmp_path, holder):
    run = tmp_path / "run"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    (run / "checkpoints").mkdir()
    left = [
        run / f".config.{_HERE}-{holder.pid}-0123456789ab.yaml",
        run / "checkpoints" / ".best.01234567-4711-0123456789ab.keras",
    ]
    for path in left:
        path.touch()
    # Of another machine, or of one that has been started again since.
    os.utime(left[1], (0, 0))
    (run / "config.yaml").touch()
    assert (run / LOCK_FILE).exists() and [path.name for path in sorted(contents(run))] == [
        "checkpoints",
        "config.yaml",
    ]
    with locked(run):
        assert not any(path.exists() for path in left)
        assert str(os.getpid()) in (run / LOCK_FILE).read_text()
    assert sorted(path.name for path in run.iterdir()) == ["checkpoints", "config.yaml"]


def test_a_folder_that_was_made_for_nothing_is_removed(tmp_path):
    with locked(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert not any(tmp_path.iterdir())
    (tmp_path / "empty").mkdir()
    with locked(tmp_path / "empty"):
        pass
    assert (tmp_path / "empty").is_dir()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file: cannot be written: File exists"), locked(tmp_path / "file"):
        pass


def test_a_planted_link_is_not_followed(tmp_path):
    (tmp_path / LOCK_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="cannot be written: Too many levels"), locked(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_system_without_locks_is_said_and_written_to(tmp_path, monkeypatch, caplog):
    def fails(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fails)
    with locked(tmp_path):
        (tmp_path / "a").touch()
    assert "this file system has no locks" in caplog.text


def test_of_many_that_begin_at_once_one_at_a_time_writes(tmp_path):
    inside, most, entered = 0, 0, 0

    def write():
        nonlocal inside, most, entered
        for _ in range(50):
            try:
                with locked(tmp_path):
                    inside += 1
                    most = max(most, inside)
                    entered += 1
                    inside -= 1
            except RunError:
                pass

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1 and entered >= 8


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("config.yaml", path)])
def test_what_stands_in_the_place_of_the_lock_is_named(tmp_path, make):
    make(tmp_path / LOCK_FILE)
    with pytest.raises(RunError, match=rf"\{LOCK_FILE}: cannot be written: "), locked(tmp_path):
        pass
