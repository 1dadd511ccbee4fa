"""The owner of a run folder: the configuration and the rows that it was made from."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import yaml

from tfmtl.config.experiment import Experiment, parse
from tfmtl.core.atomic_write import atomic_write, check_folder
from tfmtl.core.errors import ConfigurationError, RunError
from tfmtl.core.lock import contents
from tfmtl.core.regular_files import check_regular_files, read_description, read_json
from tfmtl.kinds.task import Task
from tfmtl.runs.fingerprints import Fingerprints, first_change
from tfmtl.runs.run_folder import RunFolder

FREE_KEYS = frozenset(
    {"training.checkpoint_every", "training.log_every", "generation.beams", "generation.length_penalty"}
    | {"generation.early_stopping", "evaluation.batch_size", "evaluation.bootstrap_samples"}
    | {"cache.enabled", "cache.folder", "cache.above"}
)
"""Keys that change neither the weights nor the choice of the best epoch: a run takes their new values.

Tasks have such keys too, which their kinds name (`Task.free_keys`).
"""


_LONGEST = 400
_MOST_VALUES = 1_000_000


def experiment_of(run: RunFolder) -> Experiment:
    """Returns the experiment that a run belongs to.

    Raises:
        RunError: if its configuration is damaged.
    """
    try:
        values = yaml.safe_load(read_description(run.config).decode("utf-8"))
        _check_size(values)
        return parse(values)
    except (yaml.YAMLError, ValueError, RecursionError, ConfigurationError) as error:
        raise RunError(f"{run.config}: damaged: {' '.join(str(error).split())[:_LONGEST]}") from None
    except OSError as error:
        raise RunError(f"{run.config}: cannot be read: {error.strerror}") from None


def _check_size(values: Any) -> None:
    """Checks that what is written once is not meant many times: aliases of YAML can make a page expand to gigabytes."""
    count, waiting = 0, [values]
    while waiting:
        value = waiting.pop()
        count += 1
        if count > _MOST_VALUES:
            raise ValueError(f"it has more than {_MOST_VALUES} values")
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def check_place(run: RunFolder) -> None:
    """Checks, before any text is read, that a folder contains a run or can be claimed for one.

    Raises:
        RunError: if it contains something other than a run, or cannot be made.
    """
    if run.config.is_file():
        check_regular_files(run.path)
        return
    if run.path.is_dir():
        # A training on tables in memory has already stored them here.
        if any(path != run.data for path in contents(run.path)):
            raise RunError(f"{run.path}: the folder is not empty and holds no run; choose another by 'run'")
        return
    try:
        check_folder(run.path)
    except RunError as error:
        raise RunError(f"{error}; choose another by 'run'") from None


def check_configuration(run: RunFolder, experiment: Experiment, tasks: Mapping[str, Task]) -> None:
    """Checks that a folder belongs to the experiment, or to no other run.

    Args:
        run: the folder.
        experiment: the experiment as configured.
        tasks: its tasks, with their label sets.

    Raises:
        RunError: if the folder belongs to another configuration, or contains something other than a run.
    """
    check_place(run)
    if run.config.is_file():
        free = FREE_KEYS | {f"tasks.{name}.{key}" for name, task in tasks.items() for key in task.free_keys}
        difference = _first_difference(experiment_of(run).as_mapping(), _resolved(experiment, tasks), free)
        if difference:
            raise RunError(
                f"{run.path}: this run belongs to another configuration ({difference}); "
                "choose another folder by 'run', or another name; '--from' begins there with the weights of this run"
            )


def check_rows(run: RunFolder, found: Fingerprints, splits: Sequence[str]) -> None:
    """Checks that splits contain the same rows as when the training began.

    Raises:
        RunError: if they do not.
    """
    change = change_of_rows(run, found, splits)
    if change:
        raise RunError(
            f"{run.path}: its rows have changed since its training began ({change}); choose another folder "
            "by 'run', or another name"
        )


def change_of_rows(run: RunFolder, found: Fingerprints, splits: Sequence[str]) -> str:
    """Names the rows that have changed since the training began; an empty string if none have, or none are known."""
    if not run.rows.exists():
        return ""
    remedy = "remove the run's folder"
    try:
        return first_change(read_json(run.rows, remedy), found, splits)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise RunError(f"{run.rows}: damaged; {remedy}") from None


def claim(run: RunFolder, experiment: Experiment, tasks: Mapping[str, Task]) -> None:
    """Claims a folder for the experiment; a folder that already belongs to it takes the new values of `FREE_KEYS`.

    Args:
        run: the folder.
        experiment: the experiment as configured.
        tasks: its tasks, with their label sets.

    Raises:
        RunError: as in `check_configuration`, or if the folder cannot be written.
    """
    check_configuration(run, experiment, tasks)
    resolved = _resolved(experiment, tasks)
    if run.config.is_file() and experiment_of(run).as_mapping() == resolved:
        return
    try:
        with atomic_write(run.config) as aside:
            aside.write_text(yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{run.path}: cannot be written: {error.strerror}") from None


def _resolved(experiment: Experiment, tasks: Mapping[str, Task]) -> dict[str, Any]:
    return {**experiment.as_mapping(), "tasks": {name: task.as_mapping() for name, task in tasks.items()}}


def _first_difference(have: Any, want: Any, free: Collection[str], place: str = "") -> str:
    """Describes the values of the first key that differ; an empty string if no other than the `free` ones do."""
    if place in free:
        return ""
    if isinstance(have, Mapping) and isinstance(want, Mapping):
        for key in [*have, *(key for key in want if key not in have)]:
            difference = _first_difference(have.get(key), want.get(key), free, f"{place}.{key}" if place else str(key))
            if difference:
                return difference
        return ""
    if _are_sections(have) and _are_sections(want) and len(have) == len(want):
        return _first_difference(dict(enumerate(have)), dict(enumerate(want)), free, place)
    return "" if have == want else f"{place}: it has {have!r}, asked for {want!r}"


def _are_sections(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)
