"""What a user does with an experiment: train it, evaluate the run, with the pieces of the package put together."""

from pathlib import Path
from typing import Any

from tfmtl.config import Experiment, load_experiment
from tfmtl.data.streams import load_streams
from tfmtl.evaluation.answering import Answering, answer_split
from tfmtl.evaluation.evaluate import TaskResult, evaluate_task, write_evaluation
from tfmtl.evaluation.metric import metrics_of
from tfmtl.evaluation.report import write_report
from tfmtl.evaluation.scoring import ValidationScorer
from tfmtl.training.run_folder import RunFolder
from tfmtl.training.train import train as _train


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
    return _train(experiment, RunFolder(run or Path("runs") / experiment.name), _make_scorer)


def evaluate(run: RunFolder | str | Path, split: str = "test", output: str | Path | None = None) -> dict[str, Any]:
    """Evaluates a run's best model on a split; writes the evaluation and the report.

    Args:
        run: the run, or its folder.
        split: of every source that has it; a test that a source does not have is cut from its train.
        output: where to write the evaluation; `evaluation_<split>.json` in the run where it is `None`.

    Returns:
        `{"split": split, "tasks": {NAME: {METRIC: value, ..., "intervals": {...}, "examples": n}}}`.
    """
    run = run if isinstance(run, RunFolder) else RunFolder.open(run)
    experiment = run.experiment()
    reader = run.reader()
    streams, _ = load_streams(experiment, (split,))
    answers = answer_split(Answering(reader, experiment.evaluation.batch_size), streams, split)
    results = [
        _result(task, stream.splits[split], answers[task.name], experiment)
        for stream in streams
        for task in stream.tasks
    ]
    metrics = {result.task.name: dict(result.metrics) for result in results}
    write_evaluation(output or run.evaluation(split), split, metrics)
    write_report(run.path, results, split)
    return {"split": split, "tasks": metrics}


def _result(task, examples, predictions, experiment: Experiment) -> TaskResult:
    targets = examples.targets[task.name]
    metrics = evaluate_task(task, targets, predictions, experiment.evaluation, experiment.training.seed)
    return TaskResult(task, examples.text, targets, predictions, metrics)


def _make_scorer(reader, streams, experiment: Experiment) -> ValidationScorer:
    for task in reader.tasks.values():
        metrics_of(task)
    answering = Answering(reader, experiment.evaluation.batch_size)
    return ValidationScorer(answering, streams, experiment.training.generate_examples)
