"""Makes the run of a trained model that has learned new tasks, for `tfmtl adapt`."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfmtl.adaptation.experiment import adapted_experiment
from tfmtl.adaptation.features import Features
from tfmtl.adaptation.method import AdaptationMethod, Learned, Start
from tfmtl.adaptation.rows import check_rows, given_rows, load_adaptation_streams, with_old_rows
from tfmtl.config.adaptation import Adaptation
from tfmtl.config.experiment import Experiment
from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import ConfigurationError, RunError
from tfmtl.core.registry import ADAPTATION
from tfmtl.core.regular_files import read_json
from tfmtl.data.streams import Examples, Stream
from tfmtl.generation.batch_reader import BatchReader, answer_split
from tfmtl.generation.reader import Reader
from tfmtl.kinds.kind import Answer, kind_of
from tfmtl.kinds.task import Task
from tfmtl.metrics.metric import check_metrics
from tfmtl.runs.fingerprints import Fingerprints, fingerprints
from tfmtl.runs.identity import change_of_rows, check_configuration, check_place, claim, experiment_of
from tfmtl.runs.loading import check_best_model, load_reader
from tfmtl.runs.run_folder import RunFolder

_logger = logging.getLogger("tfmtl")
REPORT = "adaptation.json"
"""The file of an adapted run that says what was learned, from how many rows, and in what time."""


@dataclass(frozen=True)
class Given:
    """What new tasks are learned from.

    Attributes:
        experiment: the experiment of the adapted run.
        tasks: the tasks to learn, with their label sets, by name.
        rows: the rows to learn each from.
        streams: the sources of these tasks, with all splits that they have.
    """

    experiment: Experiment
    tasks: Mapping[str, Task]
    rows: Mapping[str, Examples]
    streams: list[Stream]


@dataclass(frozen=True)
class AdaptedRun:
    """A run that has learned new tasks.

    Attributes:
        folder: its folder.
        given: what it has learned them from.
        answers: its answers to the test split of each task that has one.
        report: what the method has found out, as JSON values.
    """

    folder: RunFolder
    given: Given
    answers: Mapping[str, Answer]
    report: Mapping[str, Any]


class Adapter:
    """A trained run that is adapted, once or with several seeds; its model is loaded once, and a text read once.

    Args:
        run: the run, which is not changed.
    """

    def __init__(self, run: RunFolder):
        self.run = run
        self.experiment = experiment_of(run)
        self._reader: Reader | None = None
        self._features: Features | None = None

    def adapt(self, adaptation: Adaptation, folder: RunFolder) -> AdaptedRun:
        """Learns new tasks and writes the run of the model that answers them as well as the old ones.

        Args:
            adaptation: what it is to learn.
            folder: the folder of the new run. If that has been made before in the same way, it is left as it is.

        Raises:
            UserError: if the configuration or the rows cannot be used; nothing is written then.
        """
        check_place(folder)
        given = self.prepare(adaptation)
        found = fingerprints(given.streams)
        check_configuration(folder, given.experiment, given.experiment.tasks)
        change = change_of_rows(folder, found, ("train",))
        if change:
            raise RunError(
                f"{folder.path}: its rows have changed since it was adapted ({change}); choose another folder"
            )
        if folder.config.is_file():
            check_best_model(folder)
            _logger.info("%s: this run has been adapted already", folder.path)
            learned = Learned(load_reader(folder).model, _read_report(folder))
        else:
            learned = self._learn(adaptation, given)
            self._write(folder, given.experiment, learned, found)
        return AdaptedRun(folder, given, self.answers(learned, given), learned.report)

    def prepare(self, adaptation: Adaptation) -> Given:
        """Reads the rows that new tasks are learned from; reads no text with the model, and writes nothing.

        Raises:
            UserError: if the configuration or the rows cannot be used.
        """
        experiment = adapted_experiment(self.experiment, self.run.path, adaptation)
        streams, tasks = load_adaptation_streams(experiment, [*adaptation.tasks])
        rows = given_rows(streams, tasks)
        reads_rows = ADAPTATION.get(adaptation.adapt.name).build.learns_from_rows
        for name, task in tasks.items():
            kind_of(task).check(task, experiment.generation)
            if not reads_rows:
                continue
            if task.descriptor is not None:
                raise ConfigurationError(
                    f"tasks.{name}.descriptor: '{adaptation.adapt.name}' learns from rows alone; leave it out, or set "
                    "'adapt.method: descriptor'"
                )
            if name in self.experiment.tasks:
                rows[name] = with_old_rows(self.experiment, task, rows[name], adaptation.options)
            check_rows(task, rows[name], adaptation.options)
        check_metrics(tasks)
        return Given(experiment.model_copy(update={"tasks": {**experiment.tasks, **tasks}}), tasks, rows, streams)

    @property
    def reader(self) -> Reader:
        """The reader of the run's best model."""
        if self._reader is None:
            self._reader = load_reader(self.run)
        return self._reader

    @property
    def features(self) -> Features:
        """The vectors of texts that have been read by the run's best model."""
        if self._features is None:
            self._features = Features(self.reader, self.experiment.evaluation.batch_size)
        return self._features

    def _learn(self, adaptation: Adaptation, given: Given) -> Learned:
        method: AdaptationMethod = ADAPTATION.get(adaptation.adapt.name).build(adaptation.options)
        start = Start(self.reader, given.experiment, self.features)
        for task in given.tasks.values():
            method.check(task, start)
        began = time.perf_counter()
        learned = method.learn(start, given.tasks, given.rows)
        seconds = time.perf_counter() - began
        _logger.info("learned %s in %.1f s by '%s'", ", ".join(given.tasks), seconds, adaptation.adapt.name)
        readings = learned.model.network.readings(len(given.experiment.tasks))
        times = "once" if readings == 1 else f"{readings:g} times"
        _logger.info("old tasks answer as before; a text is read %s for old and new tasks", times)
        report = {
            "run": str(self.run.path),
            "method": adaptation.adapt.as_mapping(),
            "readings": readings,
            "seconds": seconds,
            "tasks": learned.report,
        }
        return replace(learned, report=report)

    def _write(self, folder: RunFolder, experiment: Experiment, learned: Learned, found: Fingerprints) -> None:
        """Writes the new run, whole or not at all."""
        try:
            with atomic_write(folder.path) as aside:
                part = RunFolder(aside)
                claim(part, experiment, experiment.tasks)
                part.checkpoints.mkdir()
                learned.model.save(part.best_model)
                self.reader.tokenizer.save(part.tokenizer)
                _write_json(part.rows, {**self._known_rows(), **found})
                _write_json(part.path / REPORT, learned.report)
        except OSError as error:
            raise RunError(f"{folder.path}: cannot be written: {error.strerror}") from None

    def _known_rows(self) -> dict[str, Any]:
        """Returns the fingerprints of the rows that the run was trained on."""
        remedy = "remove the run's folder"
        try:
            return dict(read_json(self.run.rows, remedy))
        except FileNotFoundError:
            return {}
        except (TypeError, ValueError):
            raise RunError(f"{self.run.rows}: damaged; {remedy}") from None

    def answers(self, learned: Learned, given: Given) -> dict[str, Answer]:
        """Returns the answers to the test split of each task that has one."""
        measured = [stream for stream in given.streams if "test" in stream.splits]
        if learned.answer is not None:
            answer = learned.answer
            return {task.name: answer(task, stream.splits["test"]) for stream in measured for task in stream.tasks}
        options = given.experiment.evaluation
        tokenizer, packing = self.reader.tokenizer, self.reader.packing
        reader = Reader(learned.model, given.tasks, tokenizer, packing, given.experiment.generation)
        return answer_split(BatchReader(reader, options.batch_size), measured, "test")


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_report(folder: RunFolder) -> dict[str, Any]:
    path = folder.path / REPORT
    try:
        return dict(read_json(path))
    except (OSError, TypeError, ValueError):
        raise RunError(f"{path}: missing or damaged; remove the run's folder and adapt it again") from None
