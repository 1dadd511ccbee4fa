"""Trains systems that do not have runs yet, and compares runs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tfmtl.api.evaluate import evaluate
from tfmtl.api.train import run_folder, train
from tfmtl.config import variants
from tfmtl.config.experiment import Experiment
from tfmtl.config.yaml_file import load_experiment
from tfmtl.core.errors import RunError, UserError
from tfmtl.core.registry import SOURCES
from tfmtl.data.splits import missing_splits
from tfmtl.data.streams import tasks_with_split
from tfmtl.kinds.task import Task, answered
from tfmtl.reports.comparison.compare import Comparison, compare_runs, with_reference
from tfmtl.reports.comparison.compared_run import check_same_data, is_evaluated, load_runs
from tfmtl.reports.comparison.reference import reference_of
from tfmtl.reports.comparison.report import write_comparison
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.run_folder import RunFolder


def train_systems(
    named: Sequence[str | Path],
    settings: Iterable[str] = (),
    *,
    single_tasks: bool = False,
    seeds: Iterable[int] = (),
    split: str = "test",
) -> list[RunFolder]:
    """Returns the runs of the systems to compare: folders of runs, and experiments, which are trained first.

    Runs that have been trained before are left as they are. Everything is read before the first training.

    Args:
        named: folders and YAML files, in any order.
        settings: `KEY=VALUE` strings that override keys of the files.
        single_tasks: whether the tasks of the first experiment are also trained alone.
        seeds: the seeds with each of which each experiment is trained; without any, the seeds of the files.
        split: the split on which they will be compared.

    Returns:
        The runs in the order of `named`, those of single tasks last.

    Raises:
        UserError: if an argument cannot be used.
    """
    settings, seeds = list(settings), list(seeds)
    if (settings or single_tasks or seeds) and not any(Path(path).is_file() for path in named):
        raise UserError("compare: settings, single tasks and seeds are for experiments; name the YAML file of one")
    systems = [_opened(Path(path), settings) for path in named]
    if single_tasks:
        systems += variants.single_tasks(next(system for system in systems if isinstance(system, Experiment)))
    if seeds:
        systems = [variant for system in systems for variant in _with_seeds(system, seeds)]
    folders = [run_folder(system) if isinstance(system, Experiment) else system for system in systems]
    _check_several(folders)
    experiments = [system if isinstance(system, Experiment) else experiment_of(system) for system in systems]
    check_same_data({str(folder.path): experiment for folder, experiment in zip(folders, experiments, strict=True)})
    for experiment in experiments:
        compared = tasks_with_split(experiment, split)
        if len(seeds) > 1:
            _check_same_rows_for_all_seeds(experiment, answered(compared), split)
    return [train(system) if isinstance(system, Experiment) else system for system in systems]


def compare(
    runs: Sequence[RunFolder | str | Path],
    output: str | Path | None = None,
    split: str = "test",
    *,
    baselines: bool = True,
) -> Comparison:
    """Compares runs on the same rows; those that have not been evaluated are evaluated first.

    Args:
        runs: runs, or their folders; the others are compared with the first.
        output: a folder for `comparison.md`, `comparison.json` and plots; `None` writes nothing.
        split: the split on which they are compared.
        baselines: whether simple baselines are included, for which the data is read again.

    Raises:
        UserError: if there are fewer than two runs, or they do not share tasks, data and rows.
    """
    folders = [run if isinstance(run, RunFolder) else RunFolder.open(run) for run in runs]
    _check_several(folders)
    for folder in folders:
        if not is_evaluated(folder, split):
            evaluate(folder, split)
    comparison = compare_runs(load_runs(folders, split), split)
    if baselines:
        comparison = with_reference(comparison, reference_of(comparison.systems, split))
    if output is not None:
        try:
            write_comparison(Path(output), comparison)
        except OSError as error:
            raise RunError(f"{error.filename or output}: cannot be written: {error.strerror}") from None
    return comparison


def _opened(path: Path, settings: Sequence[str]) -> Experiment | RunFolder:
    is_experiment = path.is_file() or (path.suffix in (".yaml", ".yml") and not path.exists())
    return load_experiment(path, settings) if is_experiment else RunFolder.open(path)


def _check_several(folders: Sequence[RunFolder]) -> None:
    if len(folders) < 2:
        raise UserError("compare: name two or more runs")
    paths = [folder.path.resolve() for folder in folders]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice:
        raise UserError(f"compare: the run {twice} appears twice")


def _check_same_rows_for_all_seeds(experiment: Experiment, compared: Mapping[str, Task], split: str) -> None:
    for name in {task.source for task in compared.values()}:
        choice = experiment.sources[name]
        cut = missing_splits(SOURCES.get(choice.name).build(choice.options))
        # The rows that are not cut remain in the training split.
        if split in cut or (cut and split == "train"):
            raise UserError(
                f"compare: source '{name}' has no {split} split of its own, so that each seed would be measured on "
                "different rows; give it one"
            )


def _with_seeds(system: Experiment | RunFolder, seeds: Iterable[int]) -> list[Experiment | RunFolder]:
    return variants.with_seeds(system, seeds) if isinstance(system, Experiment) else [system]
