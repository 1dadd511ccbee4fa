"""Rates of streams that follow from what a training has learned: their choice, and the plan that they lead to."""

import logging
from collections.abc import Mapping

from tfmtl.config.experiment import Experiment
from tfmtl.config.options import Stage
from tfmtl.data.mixing_rule import Evidence, rates_of, rule_of
from tfmtl.data.plan import first_rates
from tfmtl.training.prepared_data import TrainingData
from tfmtl.training.progress import Progress

_logger = logging.getLogger("tfmtl")


class DynamicMixing:
    """Chooses the rates of each epoch of a stage; they follow from the rates and the logs of the epochs before it.

    Args:
        experiment: the experiment, whose mixing is dynamic.
        stage: the stage of the experiment.
        data: the data of the stage.
        progress: the progress of the stage, which keeps the rates.
    """

    def __init__(self, experiment: Experiment, stage: Stage, data: TrainingData, progress: Progress):
        self._options = experiment.mixing.options
        self._rule = rule_of(experiment.mixing)
        self._epochs = stage.epochs
        self._streams = data.streams_of(stage.tasks)
        self._start = first_rates(data.tables, stage.tasks, experiment.mixing, max(1, stage.epochs))
        self._primary = {name: task.primary for name, task in data.tasks.items() if task.is_answered}
        self._progress = progress
        if len(self._streams) == 1:
            _logger.warning("mixing: all tasks read the same rows, so that there is nothing to mix")

    @property
    def streams(self) -> list[str]:
        """The names of the streams that have rates."""
        return list(self._start)

    @property
    def reads_scores(self) -> bool:
        """Whether the rates follow from validation metrics."""
        return self._rule.reads_scores

    def next_rates(self) -> dict[str, float]:
        """Returns the rates of the epoch after those that are recorded."""
        history = self._progress.history
        evidence = Evidence(
            self._streams,
            self._start,
            self._epochs,
            self._progress.rates[: len(history)],
            [self._values(row, {name: "loss" for name in self._trained}) for row in history],
            [self._values(row, self._primary) for row in history] if self.reads_scores else (),
        )
        return rates_of(self._rule, evidence, self._options.floor)

    @property
    def _trained(self) -> list[str]:
        return [name for members in self._streams.values() for name in members]

    def _values(self, row: Mapping[str, float], keys: Mapping[str, str]) -> dict[str, float]:
        columns = {name: f"val_{name}_{keys[name]}" for name in self._trained if name in keys}
        return {name: row[column] for name, column in columns.items() if column in row}


def shown(rates: Mapping[str, float]) -> str:
    """Returns rates for a line of the log."""
    return ", ".join(f"{stream} {rate:.3f}" for stream, rate in rates.items())


def same_shapes(before: TrainingData, after: TrainingData) -> bool:
    """Returns whether the batches of two plans have the same numbers of rows."""
    first, second = ([part.rows.shape[1] for part in data.plan.slices] for data in (before, after))
    return first == second
