"""What a user does with several runs: trains those that there are not yet, and compares them."""

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
from tfmtl.reports.comparison.compare import Comparison, compare_runs
from tfmtl.reports.comparison.compared_run import check_same_data, load_runs
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
    """Returns the runs of systems that are to be compared: folders of runs, and experiments, which are trained first.

    What has been trained before is left as it is. All is read before the first is trained.

    Args:
        named: folders and YAML files, in any order.
        settings: `KEY=VALUE` strings that override what the files say.
        single_tasks: whether the tasks of the first experiment are also trained alone.
        seeds: with each of which each experiment is trained; the files' own where there are none.
        split: on which they are to be compared.

    Returns:
        The runs in the order of their names, those of single tasks last.

    Raises:
        UserError: where something that the user gave cannot be used.
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
        runs: runs, or their folders; the first is what the others are compared with.
        output: a folder for `comparison.md`, `comparison.json` and plots; nothing is written where it is `None`.
        split: on which they are compared.
        baselines: whether simple baselines stand beside them, for which the data is read again.

    Raises:
        UserError: where there are fewer than two, or they do not share tasks, data and rows.
    """
    folders = [run if isinstance(run, RunFolder) else RunFolder.open(run) for run in runs]
    _check_several(folders)
    comparison = compare_runs(load_runs(folders, split, evaluate), split, reference_of if baselines else None)
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
        raise UserError("compare: name two runs or more")
    paths = [folder.path.resolve() for folder in folders]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice:
        raise UserError(f"compare: the run {twice} appears twice")


def _check_same_rows_for_all_seeds(experiment: Experiment, compared: Mapping[str, Task], split: str) -> None:
    for name in {task.source for task in compared.values()}:
        choice = experiment.sources[name]
        cut = missing_splits(SOURCES.get(choice.name).build(choice.options))
        # What is not cut is what is left of train.
        if split in cut or (cut and split == "train"):
            raise UserError(
                f"compare: source '{name}' has no {split} split of its own, so that each seed would be measured on "
                "other rows; give it one"
            )


def _with_seeds(system: Experiment | RunFolder, seeds: Iterable[int]) -> list[Experiment | RunFolder]:
    return variants.with_seeds(system, seeds) if isinstance(system, Experiment) else [system]
