"""A training that is killed and started again ends as one that was not disturbed."""

import logging
import os
import shutil

import keras
import numpy as np
import pytest

from tests.end_to_end.conftest import MARKED
from tfmtl.cli import main
from tfmtl.runs.checkpoints import Checkpoints

# The process ends at the end of an epoch, with its best model written and its checkpoint not: what goes on begins
# within that epoch.
KILLED_BEFORE_THE_CHECKPOINT = """
import os, signal, sys
from tests.end_to_end.conftest import MARKED
from tfmtl.cli import main
from tfmtl.runs.checkpoints import Checkpoints
save = Checkpoints.save
def save_unless_an_epoch_ends(self, update, variables, state):
    if update % state["updates_per_epoch"] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return save(self, update, variables, state)
Checkpoints.save = save_unless_an_epoch_ends
main(sys.argv[1:])
"""


@pytest.fixture
def config(configure):
    # Without a decoder, which has nothing but its weights to lose; of two streams, whose rows are mixed.
    return configure(
        tasks={"title": None, "marks": MARKED},
        model={"encoder": {"dropout": 0.1}},
        training={"epochs": 3, "checkpoint_every": 4, "task_stopping": 1, "early_stopping": 3, "ema_momentum": 0.9},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "undisturbed"


@pytest.fixture
def undisturbed(folder, config):
    """The folder of a run from its beginning to its end, which is trained at the first use."""
    if not folder.exists():
        train(config, folder)
    return folder


def train(config, folder) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(config), "--run", str(folder)])
    assert not stopped.value.code


def assert_same_run(found, expected) -> None:
    assert (found / "history.csv").read_text() == (expected / "history.csv").read_text()
    ends = [Checkpoints(folder / "checkpoints").latest() for folder in (found, expected)]
    assert ends[0].state == ends[1].state
    for value, reference in zip(ends[0].variables, ends[1].variables, strict=True):
        np.testing.assert_array_equal(value, reference)
    best = [
        keras.models.load_model(folder / "checkpoints" / "best.keras").get_weights() for folder in (found, expected)
    ]
    for value, reference in zip(*best, strict=True):
        np.testing.assert_array_equal(value, reference)


@pytest.mark.slow
def test_killed_it_ends_with_the_same_weights(undisturbed, config, tmp_path, start):
    killed = tmp_path / "killed"
    process = start("-c", KILLED_BEFORE_THE_CHECKPOINT, "train", config, "--run", killed)
    process.communicate()
    assert process.returncode == -9
    assert (killed / "checkpoints" / "best.keras").is_file()
    newest = Checkpoints(killed / "checkpoints").latest().state
    assert newest["update"] % newest["updates_per_epoch"] > 0
    train(config, killed)
    assert_same_run(killed, undisturbed)
    assert not [path.name for path in killed.rglob(".*")]


@pytest.mark.slow
def test_a_damaged_checkpoint_is_said_and_the_one_before_it_goes_on(undisturbed, config, tmp_path, caplog):
    damaged = tmp_path / "damaged"
    shutil.copytree(undisturbed, damaged)
    newest = max(damaged.glob("checkpoints/update-*.npz"))
    with open(newest, "r+b") as file:
        file.seek(os.path.getsize(newest) // 2)
        flipped = bytes(byte ^ 0xFF for byte in file.read(64))
        file.seek(-len(flipped), os.SEEK_CUR)
        file.write(flipped)
    with caplog.at_level(logging.INFO, "tfmtl"):
        train(config, damaged)
    assert f"{newest.name}: damaged" in caplog.text
    assert_same_run(damaged, undisturbed)
