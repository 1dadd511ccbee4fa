"""A training that is disturbed whenever it touches the disk loses nothing, and ends as one that was not disturbed."""

import os
import signal

import pytest

from tests.disturbances import Moments
from tests.end_to_end.test_resume import assert_same_run
from tfmtl.cli import main
from tfmtl.core.lock import locked


@pytest.fixture
def config(configure):
    # The smallest that writes all of its files.
    tasks = {"title": None, "goodness": None}
    return configure(tasks=tasks, sources={"pairs": None}, training={"epochs": 1, "checkpoint_every": 8})


def train(config, folder) -> int:
    """Trains by the command line; returns its exit code."""
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(config), "--run", str(folder)])
    return stopped.value.code or 0


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_a_disturbed_training_ends_as_an_undisturbed_one(config, tmp_path, capfd):
    undisturbed, run = tmp_path / "undisturbed", tmp_path / "run"
    with pytest.MonkeyPatch.context() as monkeypatch:
        moments = Moments(monkeypatch)
        assert train(config, undisturbed) == 0
    # Three for each of: configuration, fingerprints, tokenizer, best model, history and two checkpoints.
    assert moments.count >= 21
    # Each start comes a file further than the one before it, with another fault; what is done is not done again.
    for number, fault in enumerate(["EIO", "ENOSPC", "SIGTERM", "EIO", "ENOSPC", "SIGTERM", "ENOSPC"]):
        with pytest.MonkeyPatch.context() as monkeypatch:
            disturbed = Moments(monkeypatch, 4 + number % 3, fault)
            code = train(config, run)
        if disturbed.count < 4 + number % 3:
            break
        error = capfd.readouterr().err.splitlines()[-1]
        assert code == (130 if fault == "SIGTERM" else 2)
        assert error.startswith("error: interrupted" if fault == "SIGTERM" else "error: "), error
        assert fault == "SIGTERM" or os.strerror(28 if fault == "ENOSPC" else 5) in error, error
        assert not [name for name in names(run) if name.rpartition("/")[2].startswith(".")]
        assert "Traceback" not in error
    assert train(config, run) == 0
    assert_same_run(run, undisturbed)
    found, expected = ([name for name in names(folder) if "tensorboard" not in name] for folder in (run, undisturbed))
    assert found == expected


def test_a_second_training_is_told_of_the_first(config, tmp_path, capfd):
    with locked(tmp_path / "run"):
        assert train(config, tmp_path / "run") == 2
    error = capfd.readouterr().err
    assert f"process {os.getpid()} on" in error and "is writing to it; wait until that has ended" in error
    assert not (tmp_path / "run").exists()


def test_sigterm_is_an_interruption(monkeypatch, capfd):
    monkeypatch.setattr("tfmtl.cli.as_text", lambda group: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as stopped:
            main(["list", "tasks"])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stopped.value.code == 130 and "error: interrupted; a training goes on from" in capfd.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
def test_a_full_output_is_one_line(start):
    into_it = "import os, sys; os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n"
    process = start("-c", into_it + "from tfmtl.cli import main; main(sys.argv[1:])", "list", "tasks")
    _, error = process.communicate()
    assert (process.returncode, error.strip()) == (2, "error: the output cannot be written: No space left on device")
