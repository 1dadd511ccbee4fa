"""Training that stops: tasks and epochs by their scores, and by the user's hand."""

import csv
import json
import logging
import math

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from tfmtl.cli import main
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.training.callbacks.checkpointing import Checkpointing
from tfmtl.training.callbacks.epoch_end import ValidationScores

UPDATES_PER_EPOCH = 19  # 480 articles and 120 pairs, in batches of 32


@pytest.fixture
def train(configure, tmp_path):
    """Trains heads that learn nothing measurable, so that no score ever rises; returns the exit code."""
    config = configure(
        tasks={"title": None},
        training={
            **{"epochs": 6, "learning_rate": 1e-12, "weight_decay": 0.0, "checkpoint_every": 5, "log_every": 1},
            **{"task_stopping": 1, "early_stopping": 3},
        },
    )

    def once() -> int:
        with pytest.raises(SystemExit) as stopped:
            main(["train", str(config), "--run", str(tmp_path / "run")])
        return stopped.value.code or 0

    return once


@pytest.fixture
def goodness_rises(monkeypatch):
    """Lets the callbacks read that one task is better in each epoch, so that it does not stop."""
    original = ValidationScores.on_epoch_end

    def better(self, epoch, logs=None):
        original(self, epoch, logs)
        logs["val_goodness_spearman"] = 0.1 * epoch

    monkeypatch.setattr(ValidationScores, "on_epoch_end", better)


@pytest.mark.usefixtures("goodness_rises")
def test_interrupted_and_resumed_a_stopped_task_stays_stopped(train, tmp_path, monkeypatch, capsys, caplog):
    original = Checkpointing.on_train_batch_end

    def interrupted(self, batch, logs=None):
        original(self, batch, logs)
        if self._progress.update == 2 * UPDATES_PER_EPOCH + 9:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Checkpointing, "on_train_batch_end", interrupted)
        assert train() == 130
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("error: interrupted")
    with caplog.at_level(logging.INFO, "tfmtl"):
        assert train() == 0
    assert f"resuming after update {2 * UPDATES_PER_EPOCH + 7}" in caplog.text

    state = Checkpoints(tmp_path / "run" / "checkpoints").latest().state
    # The first epoch is the best of all; tasks have a patience of one epoch, the training one of three.
    assert state["stopped_tasks"] == ["subject"]
    assert (len(state["history"]), state["best_epoch"], state["finished"]) == (4, 0, True)
    weights = _scalars(tmp_path / "run" / "tensorboard" / "train", "weight/subject")
    assert {weight for step, weight in weights if step <= 2 * UPDATES_PER_EPOCH} == {1.0}
    assert {weight for step, weight in weights if step > 2 * UPDATES_PER_EPOCH} == {0.0}
    with caplog.at_level(logging.INFO, "tfmtl"):
        assert train() == 0
    assert "this training is finished, after 4 epochs" in caplog.text


def _scalars(folder, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload().Tensors(tag)
    return [(event.step, float(tensor_util.make_ndarray(event.tensor_proto))) for event in events]


def test_without_an_epoch_the_run_is_the_untrained_model(configure, tmp_path, caplog):
    config, run = configure(training={"epochs": 0}), tmp_path / "run"

    def call(*arguments) -> int:
        with pytest.raises(SystemExit) as stopped, caplog.at_level(logging.INFO, "tfmtl"):
            main([*map(str, arguments)])
        return stopped.value.code or 0

    assert call("train", config, "--run", run) == 0
    with open(run / "history.csv", encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["epoch"] == "0" and "loss" not in row
    # Three classes, of which an untrained head knows nothing.
    assert float(row["val_subject_loss"]) == pytest.approx(math.log(3), abs=0.5)
    state = Checkpoints(run / "checkpoints").latest().state
    assert (state["update"], state["finished"]) == (0, True)
    assert call("evaluate", run, "--split", "validation") == 0
    evaluation = json.loads((run / "evaluation_validation.json").read_text(encoding="utf-8"))
    measured = evaluation["tasks"]["subject"]["accuracy"]
    assert float(row["val_subject_accuracy"]) == pytest.approx(measured)
    caplog.clear()
    assert call("train", config, "--run", run) == 0
    assert "this training is finished, after 0 epochs" in caplog.text
