"""Evaluates a run, from Python."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfmtl.config.experiment import Experiment
from tfmtl.core.atomic_write import check_place
from tfmtl.core.errors import RunError, UserError
from tfmtl.core.lock import locked
from tfmtl.core.messages import show_messages
from tfmtl.core.parts import check_output
from tfmtl.data.cut import cuts, write_cut
from tfmtl.data.labelled_file import DATA, streams_of_file
from tfmtl.data.sources.files import expanded
from tfmtl.data.streams import Examples, Stream, load_streams, tasks_with_split
from tfmtl.generation.batch_reader import BatchReader, answer_split
from tfmtl.generation.reader import Reader
from tfmtl.kinds.kind import Answer, kind_of
from tfmtl.kinds.task import Task
from tfmtl.metrics.scoring import evaluate_task, write_evaluation
from tfmtl.reports.answers import write_answers
from tfmtl.reports.run_report import write_report
from tfmtl.reports.task_result import TaskResult
from tfmtl.runs.fingerprints import fingerprints
from tfmtl.runs.identity import change_of_rows, experiment_of
from tfmtl.runs.loading import load_reader
from tfmtl.runs.run_folder import RunFolder

_logger = logging.getLogger("tfmtl")


def evaluate(
    run: RunFolder | str | Path,
    split: str | None = None,
    output: str | Path | None = None,
    data: str | Path | None = None,
) -> dict[str, Any]:
    """Evaluates a run's best model on a split; writes the evaluation, the report and the answers to each row.

    Given `data`, it evaluates the model on the rows of a file instead, and leaves the run as it is. If the run may not
    be written to and there is an `output`, it writes the evaluation alone, and says so.

    Args:
        run: the run, or its folder.
        split: the split of every source that has it; a missing test split is cut from the training split; `None` means
            `test`.
        output: the file for the evaluation; `None` means `evaluation_<split>.json` in the run, or none for `data`.
        data: a labelled file in the format of a source, or a glob; it is read by the tasks whose fields it has.

    Returns:
        `{"split": split, "tasks": {NAME: {METRIC: value, ..., "intervals": {...}, "examples": n}}}`.

    Raises:
        UserError: if there is no such run or split, the run's model is damaged, another process writes to the run, or
            a file cannot be written.
    """
    show_messages()
    run = run if isinstance(run, RunFolder) else RunFolder.open(run)
    if data is not None:
        if split is not None:
            raise UserError("evaluate: a split and data are given; choose one")
        return _evaluate_file(run, data, output)
    split = split or "test"
    if output is not None and not os.access(run.path, os.W_OK | os.X_OK):
        output = _writable(output)
        _logger.warning("%s may not be written to: there will be no report and no answers in it", run.path)
        reader = load_reader(run)
        evaluation = _evaluation(_results(reader, *_rows_of_split(run, split, reader)), split)
        _write(output, evaluation)
        return evaluation
    output = _writable(output or run.evaluation(split))
    with locked(run.path):
        return _evaluate_split(run, split, output)


def _rows_of_split(run: RunFolder, split: str, reader: Reader) -> tuple[list[Stream], str, Experiment]:
    """Returns the rows of a split, its name, and the run's experiment with the tasks that have the split."""
    experiment = experiment_of(run).model_copy(update={"tasks": reader.tasks})
    experiment = experiment.model_copy(update={"tasks": tasks_with_split(experiment, split)})
    streams, _ = load_streams(experiment, (split,))
    _check_unseen(run, streams, split)
    return streams, split, experiment


def _evaluate_split(run: RunFolder, split: str, output: Path) -> dict[str, Any]:
    """Evaluates a run's best model on a split; writes the evaluation, the report and the answers to each row."""
    reader = load_reader(run)
    streams, split, experiment = _rows_of_split(run, split, reader)
    results = _results(reader, streams, split, experiment)
    evaluation = _evaluation(results, split)
    cut = cuts(streams, split, reader.tokenizer, reader.packing)
    _write(output, evaluation)
    try:
        write_cut(run.cut(split), cut)
        write_report(run.path, results, split, map(str, cut))
        write_answers(run.answers(split), results)
    except OSError as error:
        raise RunError(f"{error.filename or run.path}: cannot be written: {error.strerror}") from None
    return evaluation


def _evaluate_file(run: RunFolder, data: str | Path, output: str | Path | None) -> dict[str, Any]:
    """Evaluates a run's best model on the rows of a file; writes the evaluation alone, if anything."""
    output = None if output is None else _writable(output, data)
    # Loading a model takes longer than seeing that there is no such file.
    expanded(str(data))
    reader = load_reader(run)
    experiment = experiment_of(run).model_copy(update={"tasks": reader.tasks})
    streams = streams_of_file(experiment, data)
    evaluation = _evaluation(_results(reader, streams, DATA, experiment), DATA)
    if output is not None:
        _write(output, evaluation)
    return evaluation


def _write(output: Path, evaluation: dict[str, Any]) -> None:
    try:
        write_evaluation(output, evaluation)
    except OSError as error:
        raise RunError(f"{output}: cannot be written: {error.strerror}") from None


def _writable(output: str | Path, *read: str | Path) -> Path:
    if Path(output).is_dir():
        raise RunError(f"{output}: this is a folder; name the file that the evaluation is to be written to")
    check_output(output, *read)
    check_place(Path(output))
    return Path(output)


def _results(reader: Reader, streams: Sequence[Stream], split: str, experiment: Experiment) -> list[TaskResult]:
    answers = answer_split(BatchReader(reader, experiment.evaluation.batch_size), streams, split)
    return [
        task_result(task, stream.splits[split], answers[task.name], experiment)
        for stream in streams
        for task in stream.tasks
    ]


def _evaluation(results: Sequence[TaskResult], split: str) -> dict[str, Any]:
    return {"split": split, "tasks": {result.task.name: dict(result.metrics) for result in results}}


def _check_unseen(run: RunFolder, streams: Sequence[Stream], split: str) -> None:
    """Checks that a split cut from the training split contains the rows that were cut when the run was trained.

    Raises:
        RunError: if it does not, because rows that the model has learned from would be measured.
    """
    cut = [stream for stream in streams if split in stream.cut]
    if not run.rows.is_file():
        _logger.warning("%s: missing, so it is unknown whether rows are those of the training", run.rows)
    change = change_of_rows(run, fingerprints(cut), (split,))
    if change:
        raise RunError(
            f"{run.path}: {split} is cut from the training split, which has other rows than when this run was trained "
            f"({change}), so it may contain rows that the model was trained on"
        )
    change = change_of_rows(run, fingerprints(streams), (split,))
    if change:
        _logger.warning("%s has other rows than when this run was trained (%s)", split, change)


def task_result(task: Task, examples: Examples, answer: Answer, experiment: Experiment) -> TaskResult:
    """Returns a model's answers to one task, with their metrics."""
    targets, predictions = examples.targets[task.name], kind_of(task).predictions(answer)
    metrics = evaluate_task(task, targets, predictions, experiment.evaluation, experiment.training.seed)
    return TaskResult(task, examples.text, targets, answer, metrics, examples.text_pair)
