"""Evaluates a run, from Python."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tfmtl.config.experiment import Experiment
from tfmtl.core.atomic_write import check_place
from tfmtl.core.errors import RunError, UserError
from tfmtl.core.messages import show_messages
from tfmtl.data.cut import cuts
from tfmtl.data.labelled_file import DATA, streams_of_file
from tfmtl.data.sources.files import expanded
from tfmtl.data.streams import Examples, Stream, load_streams, tasks_with_split
from tfmtl.generation.batch_reader import BatchReader, answer_split
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

    Given `data`, it evaluates the model on the rows of a file instead, and leaves the run as it is.

    Args:
        run: the run, or its folder.
        split: the split of every source that has it; a missing test split is cut from the training split; `None` means
            `test`.
        output: the file for the evaluation; `None` means `evaluation_<split>.json` in the run, or none for `data`.
        data: a labelled file in the format of a source, or a glob; it is read by the tasks whose fields it has.

    Returns:
        `{"split": split, "tasks": {NAME: {METRIC: value, ..., "intervals": {...}, "examples": n}}, "cut": [...]}`,
        where `cut` describes the texts that lose their end (`tfmtl.data.cut.Cut`).

    Raises:
        UserError: if there is no such run or split, the run's model is damaged, or a file cannot be written.
    """
    show_messages()
    run = run if isinstance(run, RunFolder) else RunFolder.open(run)
    if split is not None and data is not None:
        raise UserError("evaluate: a split and data are given; choose one")
    split = split or ("test" if data is None else DATA)
    output = Path(output) if output else run.evaluation(split) if data is None else None
    if output is not None:
        if output.is_dir():
            raise RunError(f"{output}: this is a folder; name the file that the evaluation is to be written to")
        check_place(output)
    experiment = experiment_of(run)
    if data is not None:
        expanded(str(data))
    reader = load_reader(run)
    experiment = experiment.model_copy(update={"tasks": reader.tasks})
    if data is None:
        experiment = experiment.model_copy(update={"tasks": tasks_with_split(experiment, split)})
        streams, _ = load_streams(experiment, (split,))
        _check_unseen(run, streams, split)
    else:
        streams = streams_of_file(experiment, data)
    answers = answer_split(BatchReader(reader, experiment.evaluation.batch_size), streams, split)
    results = [
        task_result(task, stream.splits[split], answers[task.name], experiment)
        for stream in streams
        for task in stream.tasks
    ]
    cut = cuts(streams, split, reader.tokenizer, reader.max_length)
    metrics = {result.task.name: dict(result.metrics) for result in results}
    evaluation = {"split": split, "tasks": metrics, "cut": [asdict(found) for found in cut]}
    try:
        if output is not None:
            write_evaluation(output, evaluation)
        if data is None:
            write_report(run.path, results, split, map(str, cut))
            write_answers(run.answers(split), results)
    except OSError as error:
        raise RunError(f"{error.filename or run.path}: cannot be written: {error.strerror}") from None
    return evaluation


def _check_unseen(run: RunFolder, streams: Sequence[Stream], split: str) -> None:
    """Checks that a split cut from the training split contains the rows that were cut when the run was trained.

    Raises:
        RunError: if it does not, because rows that the model has learned from would be measured.
    """
    cut = [stream for stream in streams if split in stream.cut]
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
    return TaskResult(task, examples.text, targets, answer, metrics)
