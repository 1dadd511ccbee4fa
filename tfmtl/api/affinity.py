"""Measures how tasks help or hurt each other, from Python."""

from pathlib import Path

from tfmtl.config.experiment import Experiment, parse
from tfmtl.config.yaml_file import load_experiment
from tfmtl.core.errors import UserError
from tfmtl.core.lock import locked
from tfmtl.core.messages import show_messages
from tfmtl.data.batches import batches
from tfmtl.data.mixing_rule import rule_of
from tfmtl.reports.affinity.grouping import MOST_TASKS, best_groups
from tfmtl.reports.affinity.measured import Relations, check_interval, read_relations
from tfmtl.reports.affinity.report import write_affinity
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.callbacks.affinity_probe import AffinityProbe
from tfmtl.training.fit import Training
from tfmtl.training.train import train_run
from tfmtl.training.variable_usage import variable_usage


def affinity(
    experiment: Experiment | str | Path, run: str | Path | None = None, every: int = 10, models: int = 2
) -> tuple[Relations, list[list[int]]]:
    """Trains an experiment on one device and, meanwhile, measures how its tasks help or hurt each other.

    Writes `affinity.md`, `affinity.json` and a heat map into the run's folder.

    Args:
        experiment: an experiment, or the path of its YAML file.
        run: the run's folder; `None` means `runs/<name>-affinity`.
        every: the number of updates between two measurements, each of which costs about two updates per task.
        models: the maximum number of proposed groups.

    Returns:
        The measured relations, and the proposed groups, as positions of tasks.

    Raises:
        UserError: if an argument cannot be used.
    """
    show_messages()
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment)
    # Tasks of earlier stages only are not trained together with the others.
    tasks = experiment.stages[-1].tasks
    if rule_of(experiment.mixing) is not None or experiment.training.meta is not None:
        what = "training.meta" if experiment.training.meta is not None else f"mixing.schedule: {experiment.mixing.name}"
        raise UserError(f"affinity: {what}: batches to measure must be known before, and of all tasks; leave it out")
    if not 2 <= len(tasks) <= MOST_TASKS:
        raise UserError(f"affinity: expected 2 to {MOST_TASKS} tasks, found {len(tasks)}")
    values = experiment.as_mapping()
    alone = parse({**values, "training": {**values["training"], "strategy": "none"}})
    folder = RunFolder(run or Path("runs") / f"{experiment.name}-affinity")
    path = folder.path / "affinity.jsonl"
    check_interval(path, every)
    train_run(alone, folder, lambda training: [_affinity_probe(training, path, every)])
    relations = read_relations(path, tasks)
    groups = best_groups(relations.affinity, models)
    with locked(folder.path):
        write_affinity(folder.path, relations, groups)
    return relations, groups


def _affinity_probe(training: Training, path: Path, every: int) -> AffinityProbe:
    data, made = training.data, training.progress.update
    if every > data.plan.updates:
        raise UserError(f"affinity: {every} updates between two measurements; the training has {data.plan.updates}")
    # The remaining batches of every `every`th update of the whole training.
    first = (made // every + 1) * every - 1
    following = batches(data.tables, data.plan, min(first, data.plan.updates)).shard(every, 0)
    usage = variable_usage(training.model).among(training.stage.tasks)
    return AffinityProbe(path, training.update, training.progress, usage, following, every)
