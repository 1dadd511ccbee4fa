"""Replicas on devices and in processes train exactly like one device with the same global batch."""

import numpy as np
import pytest

from tests.end_to_end.conftest import MARKED
from tests.workers import worker_configurations
from tfmtl.cli import main
from tfmtl.runs.checkpoints import Checkpoints

# After the last epoch each worker writes the weights that it has, and their paths in its model.
WRITES_ITS_WEIGHTS = """
import sys
from tfmtl.core.quiet_tensorflow import import_tensorflow
import_tensorflow()
import numpy as np
from tfmtl.cli import main
from tfmtl.training.callbacks.checkpointing import Checkpointing
def write_weights(self, logs=None):
    np.savez(sys.argv[1], *[np.asarray(variable) for variable in self.model.trainable_variables])
Checkpointing.on_train_end = write_weights
main(sys.argv[2:])
"""


def train(config, folder, *settings: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(config), "--run", str(folder), *(f"--set={setting}" for setting in settings)])
    assert not stopped.value.code


def state(folder):
    checkpoint = Checkpoints(folder / "checkpoints").latest()
    return checkpoint.state, checkpoint.variables


def weights(folder) -> list[np.ndarray]:
    """The model's weights, which stand first, as far as they are floating-point numbers."""
    return [value for value in state(folder)[1] if value.dtype == np.float32 and value.ndim]


def assert_like(found, expected) -> None:
    for value, reference in zip(weights(found), weights(expected), strict=True):
        np.testing.assert_allclose(value, reference, rtol=1e-3, atol=1e-5)
    for row, reference in zip(state(found)[0]["history"], state(expected)[0]["history"], strict=True):
        assert row == pytest.approx(reference, rel=1e-4, abs=1e-5)


@pytest.fixture
def config(configure):
    model = {"encoder": {"dropout": 0.0}, "decoder": {"dropout": 0.0}, "head_dropout": 0.0}
    # Of one stream: batches of several are told apart in the tests of `Update`.
    return configure(
        model=model,
        tasks={"goodness": None, "marks": MARKED},
        training={"epochs": 1, "batch_size": 64, "learning_rate": 1e-3},
    )


@pytest.mark.slow
def test_devices_and_processes_train_like_one_device(config, tmp_path, start):
    train(config, tmp_path / "single", "training.strategy=none")
    train(config, tmp_path / "mirrored", "training.strategy=mirrored")
    assert_like(tmp_path / "mirrored", tmp_path / "single")
    dumps = [tmp_path / "weights_0.npz", tmp_path / "weights_1.npz"]
    folders = [tmp_path / "chief", tmp_path / "worker"]
    processes = [
        start(
            *("-c", WRITES_ITS_WEIGHTS, dumps[index], "train", config, "--run", folders[index]),
            *("--set", "training.strategy=multi_worker"),
            TF_CONFIG=configuration,
        )
        for index, configuration in enumerate(worker_configurations(2))
    ]
    for process in processes:
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
        # What TensorFlow's libraries say of themselves while they are loaded.
        assert "oneDNN" not in errors and "absl" not in errors
    assert_like(folders[0], tmp_path / "single")
    assert not folders[1].exists()
    first, second = (np.load(path) for path in dumps)
    assert first.files == second.files and len(first.files) > 10
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name])
