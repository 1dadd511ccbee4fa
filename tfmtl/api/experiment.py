"""What a user does with an experiment: train it, evaluate the run, export it, predict with either."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tfmtl.config.experiment import Experiment, parse
from tfmtl.config.yaml_file import load_experiment
from tfmtl.core.atomic_write import check_place
from tfmtl.core.errors import RunError, UserError, nearest
from tfmtl.data.batches import batches
from tfmtl.data.streams import Stream, load_streams, tasks_with_split
from tfmtl.generation.batch_reader import BatchReader, answer_split
from tfmtl.metrics.metric import check_metrics
from tfmtl.metrics.scoring import TaskResult, evaluate_task, write_evaluation
from tfmtl.reports.affinity.grouping import MOST_TASKS, best_groups
from tfmtl.reports.affinity.measured import Relations, check_interval, read_relations
from tfmtl.reports.affinity.report import write_affinity
from tfmtl.reports.answers import write_answers
from tfmtl.reports.run_report import write_report
from tfmtl.runs.fingerprints import fingerprints
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.export.export import Quantize, export_run
from tfmtl.serving.export.quantization import QUANTIZATIONS
from tfmtl.serving.prediction.predict import predict_rows
from tfmtl.serving.prediction.predictor import open_predictor
from tfmtl.serving.prediction.rows import Row
from tfmtl.training.callbacks.affinity_probe import AffinityProbe
from tfmtl.training.fit import Training
from tfmtl.training.train import train as _train
from tfmtl.training.validation_scorer import make_scorer
from tfmtl.training.variable_usage import variable_usage

_logger = logging.getLogger("tfmtl")


def train(experiment: Experiment | str | Path, run: str | Path | None = None) -> RunFolder:
    """Trains an experiment; where its run has been interrupted, goes on with it.

    Args:
        experiment: an experiment, or the path of its YAML file.
        run: the run's folder; `runs/<name>` where it is `None`.

    Returns:
        The run's folder.

    Raises:
        UserError: where something that the user gave cannot be used.
    """
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment)
    folder = RunFolder(run) if run else run_folder(experiment)
    return _train(experiment, folder, check_metrics, make_scorer)


def run_folder(experiment: Experiment) -> RunFolder:
    """Returns the folder of an experiment's run where no other is named: `runs/<name>`."""
    return RunFolder(Path("runs") / experiment.name)


def affinity(
    experiment: Experiment | str | Path, run: str | Path | None = None, every: int = 10, models: int = 2
) -> tuple[Relations, list[list[int]]]:
    """Trains an experiment on one device and measures meanwhile how its tasks help or hurt each other.

    Writes `affinity.md`, `affinity.json` and a heat map into the run's folder.

    Args:
        experiment: an experiment, or the path of its YAML file.
        run: the run's folder; `runs/<name>-affinity` where it is `None`.
        every: updates between two measurements, each of which costs about two updates a task.
        models: the budget of the grouping that is proposed.

    Returns:
        what was measured, and the proposed groups, as positions of tasks.

    Raises:
        UserError: where something that the user gave cannot be used.
    """
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment)
    # Those of stages before the last do not learn beside the others.
    tasks = experiment.stages[-1].tasks
    if not 2 <= len(tasks) <= MOST_TASKS:
        raise UserError(f"affinity: expected 2 to {MOST_TASKS} tasks, found {len(tasks)}")
    values = experiment.as_mapping()
    alone = parse({**values, "training": {**values["training"], "strategy": "none"}})
    folder = RunFolder(run or Path("runs") / f"{experiment.name}-affinity")
    path = folder.path / "affinity.jsonl"
    check_interval(path, every)
    _train(alone, folder, check_metrics, make_scorer, lambda training: [_affinity_probe(training, path, every)])
    relations = read_relations(path, tasks)
    groups = best_groups(relations.affinity, models)
    write_affinity(folder.path, relations, groups)
    return relations, groups


def evaluate(run: RunFolder | str | Path, split: str = "test", output: str | Path | None = None) -> dict[str, Any]:
    """Evaluates a run's best model on a split; writes the evaluation, the report and the answers to each row.

    Args:
        run: the run, or its folder.
        split: of every source that has it; a test that a source does not have is cut from its train.
        output: where to write the evaluation; `evaluation_<split>.json` in the run where it is `None`.

    Returns:
        `{"split": split, "tasks": {NAME: {METRIC: value, ..., "intervals": {...}, "examples": n}}}`.

    Raises:
        UserError: where there is no such run or split, the run's model is damaged, or a file cannot be written.
    """
    run = run if isinstance(run, RunFolder) else RunFolder.open(run)
    output = Path(output) if output else run.evaluation(split)
    if output.is_dir():
        raise RunError(f"{output}: this is a folder; name the file that the evaluation is to be written to")
    check_place(output)
    experiment = run.experiment()
    reader = run.reader()
    experiment = experiment.model_copy(update={"tasks": reader.tasks})
    experiment = experiment.model_copy(update={"tasks": tasks_with_split(experiment, split)})
    streams, _ = load_streams(experiment, (split,))
    _check_unseen(run, streams, split)
    answers = answer_split(BatchReader(reader, experiment.evaluation.batch_size), streams, split)
    results = [
        _result(task, stream.splits[split], answers[task.name], experiment)
        for stream in streams
        for task in stream.tasks
    ]
    metrics = {result.task.name: dict(result.metrics) for result in results}
    try:
        write_evaluation(output, split, metrics)
        write_report(run.path, results, split)
        write_answers(run.answers(split), results)
    except OSError as error:
        raise RunError(f"{error.filename or run.path}: cannot be written: {error.strerror}") from None
    return {"split": split, "tasks": metrics}


def _check_unseen(run: RunFolder, streams: Sequence[Stream], split: str) -> None:
    """Checks that a split which is cut from train holds the rows that were cut from it when the run was trained.

    Raises:
        RunError: where it does not: rows that the model has learned from would be measured.
    """
    cut = [stream for stream in streams if split in stream.cut]
    change = run.change_of_rows(fingerprints(cut), (split,))
    if change:
        raise RunError(
            f"{run.path}: {split} is cut from train, which has other rows than when this run was trained ({change}), "
            "so that some which the model has learned from would be measured"
        )
    change = run.change_of_rows(fingerprints(streams), (split,))
    if change:
        _logger.warning("%s has other rows than when this run was trained (%s)", split, change)


def export(
    run: RunFolder | str | Path,
    to: str | Path | None = None,
    *,
    quantize: str | None = None,
    encoder_only: bool = False,
) -> Path:
    """Exports a run's best model as the next version of a SavedModel that takes raw strings.

    Args:
        run: the run, or its folder.
        to: the export's folder; `saved_models/<name>` where it is `None`.
        quantize: `int8` or `bfloat16` for smaller weights; what that costs on validation stands in the model card.
        encoder_only: whether tasks with a decoder are left out.

    Returns:
        The directory of the new version.
    """
    run = run if isinstance(run, RunFolder) else RunFolder.open(run)
    if quantize is not None and quantize not in QUANTIZATIONS:
        raise UserError(f"export: unknown quantization '{quantize}'; {nearest(quantize, QUANTIZATIONS)}")
    smaller = None if quantize is None else Quantize(quantize, make_scorer)
    return export_run(run, None if to is None else Path(to), smaller, encoder_only=encoder_only)


def predict(model: RunFolder | str | Path, texts: Iterable[str | tuple[str, str]]) -> list[dict[str, Any]]:
    """Answers every task about texts.

    Args:
        model: a run, or the folder of a run or of an export.
        texts: texts, or pairs of them.

    Returns:
        For each text, by task: `{"label": ..., "probabilities": {...}}`, `{"score": ...}` or `{"summary": ...}`.
    """
    if isinstance(texts, str):
        raise UserError("predict: expected several texts, found one; put it into a list")
    rows = [_row(text) for text in texts]
    return list(predict_rows(open_predictor(model.path if isinstance(model, RunFolder) else model), rows))


def _affinity_probe(training: Training, path: Path, every: int) -> AffinityProbe:
    data, made = training.data, training.progress.update
    if every > data.plan.updates:
        raise UserError(f"affinity: {every} updates between two measurements, of {data.plan.updates} in all")
    # Of the updates to come, each `every`th of the whole training.
    first = (made // every + 1) * every - 1
    following = batches(data.tables, data.plan, min(first, data.plan.updates)).shard(every, 0)
    usage = variable_usage(training.model).among(training.stage.tasks)
    return AffinityProbe(path, training.update, training.progress, usage, following, every)


def _row(text: str | tuple[str, str]) -> Row:
    parts = (text,) if isinstance(text, str) else text
    if isinstance(parts, tuple | list) and len(parts) in (1, 2) and all(isinstance(part, str) for part in parts):
        return Row(*parts)
    raise UserError(f"predict: expected a text, or a pair of texts, found {str(text)[:60]!r}")


def _result(task, examples, predictions, experiment: Experiment) -> TaskResult:
    targets = examples.targets[task.name]
    metrics = evaluate_task(task, targets, predictions, experiment.evaluation, experiment.training.seed)
    return TaskResult(task, examples.text, targets, predictions, metrics)
