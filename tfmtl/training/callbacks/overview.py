"""Writes what TensorBoard shows of a training from its beginning: configuration, dashboard, and hyperparameters."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api as hparams

from tfmtl.config.experiment import Experiment
from tfmtl.kinds.task import Task
from tfmtl.training.progress import Progress

_SECTIONS = ("tasks", "tokenizer", "model", "balancing", "mixing", "training", "generation")
"""The sections of an experiment whose values are hyperparameters."""


class Overview(keras.callbacks.Callback):
    """Writes the configuration as text, a dashboard with a page for each task, and the hyperparameters.

    TensorBoard shows the dashboard under "Custom Scalars", and compares runs by what differs in their hyperparameters
    under "HParams". All are written once, at the first update, into the folder above those of the curves: a training
    that resumes has them.

    Args:
        folder: the folder of the events.
        progress: the progress of the training.
        experiment: the experiment as configured.
        tasks: its tasks, with their label sets.
    """

    def __init__(self, folder: Path, progress: Progress, experiment: Experiment, tasks: Mapping[str, Task]):
        super().__init__()
        self._folder = folder
        self._progress = progress
        self._experiment = experiment
        self._tasks = tasks

    def on_train_begin(self, logs=None):
        if self._progress.update:
            return
        writer = tf.summary.create_file_writer(str(self._folder))
        with writer.as_default(step=0):
            tf.summary.text("configuration", f"```yaml\n{self._experiment.to_yaml()}\n```")
            tf.summary.experimental.write_raw_pb(custom_scalar.pb(layout(self._tasks)).SerializeToString())
            hparams.hparams(hyperparameters(self._experiment))
        writer.close()


def layout(tasks: Mapping[str, Task]) -> layout_pb2.Layout:
    """Returns the dashboard: a page for all tasks together, then one for each task."""
    together = {
        "validation score": "epoch/score",
        "loss by epoch": "epoch/loss",
        "loss by update": "loss/total",
        "gradient norm": "gradient_norm/total",
        "cosines of gradients": "gradients/cosine/.*",
        "learning rate": "learning_rate",
        "tokens per second": "tokens_per_second",
    }
    return layout_pb2.Layout(
        category=[_page("all tasks", together), *(_page(name, _charts(task)) for name, task in tasks.items())]
    )


def _charts(task: Task) -> dict[str, str]:
    metrics = task.all_metrics if task.is_answered else ()
    return {
        "loss by epoch": f"epoch/{task.name}_loss",
        **{metric: f"epoch/{task.name}_{metric}" for metric in metrics},
        "loss by update": f"loss/{task.name}",
        "weight": f"weight/{task.name}",
        "gradient norm": f"gradient_norm/{task.name}",
        "share of rows": f"share_of_rows/{task.name}",
    }


def _page(title: str, charts: Mapping[str, str]) -> layout_pb2.Category:
    return layout_pb2.Category(
        title=title,
        chart=[
            layout_pb2.Chart(title=f"{title}: {name}", multiline=layout_pb2.MultilineChartContent(tag=[f"^{tag}$"]))
            for name, tag in charts.items()
        ],
    )


def hyperparameters(experiment: Experiment) -> dict[str, bool | int | float | str]:
    """Returns every value of an experiment that `--set` can change, but those of its sources, by its key."""
    values = experiment.as_mapping()
    return dict(_flat({section: values[section] for section in _SECTIONS if section in values}))


def _flat(values: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, bool | int | float | str]]:
    for key, value in values.items():
        where = f"{place}.{key}" if place else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, where)
        elif isinstance(value, bool | int | float | str):
            yield where, value
        elif value is not None:
            yield where, str(value)
