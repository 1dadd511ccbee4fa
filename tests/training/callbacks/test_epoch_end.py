import logging
from types import SimpleNamespace

import numpy as np
import pytest

from tfmtl.balancing import get
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.callbacks.epoch_end import BestModel, EarlyStopping, History, TaskStopping, ValidationScores
from tfmtl.training.progress import Progress
from tfmtl.training.update import Update


class Model:
    """As much of a model as these callbacks know of; saves the number of the epoch."""

    def __init__(self, rates=(0.5,)):
        self.stop_training = False
        self.optimizer = SimpleNamespace(learning_rate=rates[0])
        self.epoch = 0
        self._rates = rates

    def begin(self, epoch):
        self.epoch = epoch
        self.optimizer.learning_rate = self._rates[epoch % len(self._rates)]

    def save_without_optimizer(self, path):
        assert path.suffix == ".keras"
        path.write_text(f"epoch {self.epoch}", encoding="utf-8")


def run_epochs(callback, logs, first=0, model=None):
    """Ends an epoch for each of `logs`; returns the model."""
    model = model or Model()
    callback.set_model(model)
    for epoch, of_epoch in enumerate(logs, first):
        model.begin(epoch)
        callback.on_epoch_end(epoch, of_epoch)
    return model


def test_scores_join_the_logs_and_are_said(caplog):
    logs = {"loss": 2.0, "interval_loss": 2.0, "val_loss": 1.5}
    scores = {"topic": {"accuracy": 0.75, "f1_macro": 0.5}, "title": {}}
    with caplog.at_level(logging.INFO, "tfmtl"):
        run_epochs(ValidationScores(lambda: (0.625, scores)), [logs])
    assert logs == {
        "loss": 2.0,
        "interval_loss": 2.0,
        "val_loss": 1.5,
        "val_topic_accuracy": 0.75,
        "val_topic_f1_macro": 0.5,
        "val_score": 0.625,
    }
    expected = "validation: loss 1.5000  topic_accuracy 0.7500  topic_f1_macro 0.5000  score 0.6250"
    assert caplog.messages == [expected]


SCORES = [0.5, 0.5, 0.7, 0.6]


@pytest.mark.parametrize("writes", [True, False])
def test_only_a_higher_score_is_the_best_model_and_only_the_chief_saves_it(tmp_path, writes):
    run, progress = RunFolder(tmp_path / "run"), Progress()
    callback = BestModel(run, progress, writes)
    saved = []
    for epoch, score in enumerate(SCORES):
        run_epochs(callback, [{"val_score": score}], first=epoch)
        saved.append(run.best_model.read_text(encoding="utf-8") if run.best_model.is_file() else None)
    assert (progress.best_score, progress.best_epoch) == (0.7, 2)
    assert saved == (["epoch 0", "epoch 0", "epoch 2", "epoch 2"] if writes else [None] * 4)
    assert [path.name for path in tmp_path.rglob("*.keras")] == (["best.keras"] if writes else [])


def test_of_equal_scores_that_with_the_lower_loss_is_the_best_and_this_is_said(tmp_path, caplog):
    run, progress = RunFolder(tmp_path), Progress()
    callback = BestModel(run, progress, writes=True)
    # The sum of the tasks' losses: 3, 2.5, 2.75, 1. The weighted loss is no measure, for weights may change.
    losses = [(1.0, 2.0), (1.5, 1.0), (0.25, 2.5), (0.5, 0.5)]
    logs = [
        {"val_score": score, "val_loss": 9.0 - epoch, "val_topic_loss": topic, "val_title_loss": title, "loss": 0.1}
        for epoch, ((topic, title), score) in enumerate(zip(losses, [0.0, 0.0, 0.0, -1.0], strict=True))
    ]
    with caplog.at_level(logging.INFO, "tfmtl"):
        run_epochs(callback, logs)
    assert (progress.best_score, progress.best_loss, progress.best_epoch) == (0.0, 2.5, 1)
    assert run.best_model.read_text(encoding="utf-8") == "epoch 1"
    said = "the validation score is that of epoch {}; the lower loss decides which model is kept"
    assert caplog.messages == [said.format(1), said.format(2)]


def test_a_score_of_zero_is_better_than_none(tmp_path):
    progress = Progress()
    run_epochs(BestModel(RunFolder(tmp_path), progress, writes=True), [{"val_score": 0.0}])
    assert (progress.best_score, progress.best_epoch) == (0.0, 0)
    assert RunFolder(tmp_path).best_model.is_file()


def test_the_best_of_an_interrupted_training_stays_the_best(tmp_path):
    progress = Progress(best_score=0.7, best_epoch=2)
    run_epochs(BestModel(RunFolder(tmp_path), progress, writes=True), [{"val_score": 0.6}], first=3)
    assert (progress.best_score, progress.best_epoch) == (0.7, 2)
    assert not list(tmp_path.iterdir())


TASKS = {
    "topic": Classification(name="topic", source="s", labels=("a", "b")),
    "stars": Regression(name="stars", source="s"),
    "title": Summarization(name="title", source="s"),
}


def task_logs(topic, stars):
    """Logs of epochs; `title` is never measured."""
    columns = zip(topic, stars, strict=True)
    return [
        {"val_topic_accuracy": a, "val_stars_spearman": b, "val_topic_f1_macro": 1.0, "val_topic_loss": 1.0}
        for a, b in columns
    ]


def stopping(progress, patience):
    update = Update(dict.fromkeys(TASKS), get("fixed"), 0.0)
    return update, TaskStopping(update, TASKS, progress, patience)


def test_a_task_stops_once_its_own_metric_has_not_risen_for_so_many_epochs(caplog):
    progress = Progress()
    update, callback = stopping(progress, 2)
    weights = []
    with caplog.at_level(logging.INFO, "tfmtl"):
        for epoch, logs in enumerate(task_logs([0.5, 0.6, 0.6, 0.6, 0.9], [0.1, 0.2, 0.1, 0.3, 0.2])):
            run_epochs(callback, [logs], first=epoch)
            weights.append(update.active.numpy().tolist())
    assert weights == [[1.0, 1.0, 1.0]] * 3 + [[0.0, 1.0, 1.0]] * 2
    assert progress.stopped_tasks == ["topic"]
    assert progress.task_best == {"topic": [0.6, 1.0, 1], "stars": [0.3, 0.0, 3]}
    assert caplog.messages == ["task 'topic' stops: its best accuracy was in epoch 2"]


@pytest.mark.parametrize("without_metric", [["title"], []])
def test_training_ends_once_every_task_with_a_metric_has_stopped(caplog, without_metric):
    progress = Progress(stopped_tasks=without_metric)
    _, callback = stopping(progress, 1)
    assert not run_epochs(callback, task_logs([0.5, 0.4], [0.1, 0.2])).stop_training
    assert not progress.finished
    with caplog.at_level(logging.INFO, "tfmtl"):
        assert run_epochs(callback, task_logs([0.6], [0.2]), first=2).stop_training
    assert progress.finished and caplog.messages[-1] == "training stops: all tasks with a metric have stopped"


def test_a_task_of_an_interrupted_training_is_as_patient_as_before():
    progress = Progress(task_best={"topic": [0.6, 1.0, 1], "stars": [0.3, 0.0, 2]}, stopped_tasks=["title"])
    update, callback = stopping(progress, 3)
    run_epochs(callback, task_logs([0.6], [0.3]), first=4)
    assert progress.stopped_tasks == ["title", "topic"]
    assert update.active.numpy().tolist() == [0.0, 1.0, 0.0]


def test_a_metric_below_zero_is_a_first_value_like_any_other():
    progress = Progress()
    _, callback = stopping(progress, 1)
    run_epochs(callback, task_logs([0.5, 0.6], [-0.5, -0.4]))
    assert progress.task_best["stars"] == [-0.4, 0.0, 1]
    assert progress.stopped_tasks == []


@pytest.mark.parametrize(("epoch", "stops"), [(2, False), (4, False), (5, True)])
def test_training_stops_so_many_epochs_after_the_best(epoch, stops, caplog):
    progress = Progress(best_epoch=2)
    with caplog.at_level(logging.INFO, "tfmtl"):
        model = run_epochs(EarlyStopping(progress, 3), [{}], first=epoch)
    assert (model.stop_training, progress.finished) == (stops, stops)
    said = ["training stops: the best validation score was in epoch 3"] if stops else []
    assert caplog.messages == said


@pytest.mark.parametrize("writes", [True, False])
def test_the_history_has_a_column_for_each_name_that_any_epoch_has(tmp_path, writes):
    run, progress = RunFolder(tmp_path / "run"), Progress()
    logs = [{"loss": np.float32(0.5)}, {"loss": 0.25, "val_score": np.float64(0.75)}]
    run_epochs(History(run, progress, writes), logs, model=Model(rates=(0.125, 0.0625)))
    assert progress.history == [
        {"epoch": 1, "loss": 0.5, "learning_rate": 0.125},
        {"epoch": 2, "loss": 0.25, "val_score": 0.75, "learning_rate": 0.0625},
    ]
    assert all(type(value) in (int, float) for row in progress.history for value in row.values())
    expected = "epoch,loss,learning_rate,val_score\n1,0.5,0.125,\n2,0.25,0.0625,0.75\n"
    found = run.history.read_text(encoding="utf-8") if run.history.is_file() else None
    assert found == (expected if writes else None)


def test_the_history_of_an_interrupted_training_goes_on(tmp_path):
    progress = Progress(history=[{"epoch": 1, "loss": 0.5, "learning_rate": 0.5}])
    run_epochs(History(RunFolder(tmp_path), progress, writes=True), [{"loss": 0.25}], first=1)
    assert (tmp_path / "history.csv").read_text(encoding="utf-8") == "epoch,loss,learning_rate\n1,0.5,0.5\n2,0.25,0.5\n"


def test_a_task_whose_metric_stays_the_same_goes_on_while_its_loss_falls():
    progress = Progress()
    _, callback = stopping(progress, 1)
    losses = [3.0, 2.0, 2.0]
    logs = [{"val_topic_accuracy": 0.0, "val_topic_loss": loss} for loss in losses]
    run_epochs(callback, logs[:2])
    assert progress.stopped_tasks == [] and progress.task_best == {"topic": [0.0, 2.0, 1]}
    run_epochs(callback, logs[2:], first=2)
    assert progress.stopped_tasks == ["topic"]
