"""The callbacks after each epoch: scores, the best model, stopping and the history."""

import csv
import io
import logging
import re
from collections.abc import Callable, Mapping

import keras

from tfmtl.core.atomic_write import atomic_write
from tfmtl.kinds.task import Task
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.progress import Progress
from tfmtl.training.update import Update

_logger = logging.getLogger("tfmtl")

Scorer = Callable[[], tuple[float, dict[str, dict[str, float]]]]
"""Returns the validation score of all tasks together, and each task's metrics."""


class ValidationScores(keras.callbacks.Callback):
    """Adds `val_<task>_<metric>` and `val_score` to the epoch's logs, which later callbacks read.

    Args:
        score: a function that measures the current model.
    """

    def __init__(self, score: Scorer):
        super().__init__()
        self._score = score

    def on_epoch_end(self, epoch, logs=None):
        total, tasks = self._score()
        logs.update({f"val_{task}_{metric}": value for task, of in tasks.items() for metric, value in of.items()})
        logs["val_score"] = total
        measured = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
        shown = "  ".join(f"{name} {value:.4f}" for name, value in measured.items())
        _logger.info("validation: %s", shown)


class BestModel(keras.callbacks.Callback):
    """Saves the model of the epoch with the highest validation score; of equal scores, that with the lower loss.

    The loss is the sum of all tasks' losses without their weights, which may change from epoch to epoch.

    Args:
        run: the folder of the run.
        progress: the progress of the training, which keeps the score.
        writes: whether this process writes the run folder.
    """

    def __init__(self, run: RunFolder, progress: Progress, writes: bool):
        super().__init__()
        self._run = run
        self._progress = progress
        self._writes = writes

    def on_epoch_end(self, epoch, logs=None):
        score, progress = logs["val_score"], self._progress
        loss = sum(logs[name] for name in logs if re.fullmatch("val_.+_loss", name))
        if score == progress.best_score:
            _logger.info(
                "the validation score is that of epoch %d; the lower loss decides which model is kept",
                progress.best_epoch + 1,
            )
        if (score, -loss) <= (progress.best_score, -progress.best_loss):
            return
        progress.best_score, progress.best_loss, progress.best_epoch = score, loss, epoch
        if self._writes:
            with atomic_write(self._run.best_model) as aside:
                self.model.save_without_optimizer(aside)


class TaskStopping(keras.callbacks.Callback):
    """Sets a task's loss weight to zero once its own validation metric has stopped rising.

    Where the metric stays the same, a lower loss counts as rising. A task that overfits first then no longer shapes the
    trunk, while the others continue to learn. Once all tasks with a metric have stopped, training ends.

    Args:
        update: the update, which holds the weights.
        tasks: the tasks, which name their primary metrics.
        progress: the progress of the training, which keeps each task's best value.
        patience: the number of epochs without a better value before a task is stopped.
    """

    def __init__(self, update: Update, tasks: Mapping[str, Task], progress: Progress, patience: int):
        super().__init__()
        self._update = update
        self._tasks = tasks
        self._progress = progress
        self._patience = patience

    def on_epoch_end(self, epoch, logs=None):
        metrics = {name: f"val_{name}_{task.primary}" for name, task in self._tasks.items()}
        measured = {name: logs[metric] for name, metric in metrics.items() if metric in logs}
        for name, value in measured.items():
            if name in self._progress.stopped_tasks:
                continue
            loss = logs.get(f"val_{name}_loss", 0.0)
            best, best_loss, best_epoch = self._progress.task_best.get(name, (float("-inf"), float("inf"), epoch))
            if (value, -loss) > (best, -best_loss):
                self._progress.task_best[name] = [value, loss, epoch]
            elif epoch - best_epoch >= self._patience:
                self._progress.stopped_tasks.append(name)
                _logger.info(
                    "task '%s' stops: its best %s was in epoch %d", name, self._tasks[name].primary, best_epoch + 1
                )
        self._update.activate(self._progress.stopped_tasks)
        if measured and measured.keys() <= set(self._progress.stopped_tasks):
            _logger.info("training stops: all tasks with a metric have stopped")
            self.model.stop_training = True
            self._progress.finished = True


class EarlyStopping(keras.callbacks.Callback):
    """Ends training once the validation score has stopped rising.

    Args:
        progress: the progress of the training, which keeps the best score and its epoch.
        patience: the number of epochs without a better score before training ends.
    """

    def __init__(self, progress: Progress, patience: int):
        super().__init__()
        self._progress = progress
        self._patience = patience

    def on_epoch_end(self, epoch, logs=None):
        if epoch - self._progress.best_epoch >= self._patience:
            _logger.info("training stops: the best validation score was in epoch %d", self._progress.best_epoch + 1)
            self.model.stop_training = True
            self._progress.finished = True


class History(keras.callbacks.Callback):
    """Keeps each epoch's logs in `history.csv`.

    Args:
        run: the folder of the run.
        progress: the progress of the training, which keeps the rows.
        writes: whether this process writes the run folder.
    """

    def __init__(self, run: RunFolder, progress: Progress, writes: bool):
        super().__init__()
        self._run = run
        self._progress = progress
        self._writes = writes

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}}
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        self._progress.history.append(row)
        if self._writes:
            with atomic_write(self._run.history) as aside:
                aside.write_text(_as_csv(self._progress.history), encoding="utf-8")


def _as_csv(rows: list[dict[str, float]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, dict.fromkeys(name for row in rows for name in row), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
