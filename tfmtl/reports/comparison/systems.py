"""Systems: runs that differ only in their seeds, or are the single-task counterparts of one model."""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tfmtl.reports.comparison.compared_run import ComparedRun
from tfmtl.runs.identity import FREE_KEYS

# Keys of `training` in which trainings of one system may differ. The options of generation are part of a system.
_NOT_COMPARED = {"training.seed", *(key for key in FREE_KEYS if key.startswith("training."))}


@dataclass(frozen=True)
class System:
    """One of the compared ways to answer tasks.

    Attributes:
        name: a readable name.
        runs: the runs of each task, one per seed in the order of the seeds, by task.
        is_single_task: whether each run learned one task alone.
    """

    name: str
    runs: dict[str, list[ComparedRun]]
    is_single_task: bool

    @property
    def members(self) -> list[ComparedRun]:
        """All runs, once each."""
        return list({run.path: run for of_task in self.runs.values() for run in of_task}.values())

    def scores(self, task: str, metric: str) -> list[float]:
        """Returns the values of a metric of a task in each of its runs."""
        return [run.metrics[task][metric] for run in self.runs[task]]

    def score(self, task: str, metric: str) -> float:
        """Returns the mean of a metric of a task over the runs."""
        return float(np.mean(self.scores(task, metric)))

    def backbone(self) -> str:
        """Returns the network as text, which a model and its single-task counterpart have in common."""
        return _text(self.members[0].experiment.as_mapping()["model"])


def systems_of(runs: Iterable[ComparedRun]) -> list[System]:
    """Groups runs into systems, in their order; a run that fits into none forms a system of its own.

    Two trainings of the same tasks with the same seed, which differ in something that no configuration contains, such
    as the version of the code, belong to different systems.
    """
    groups: dict[tuple[str, int], dict[tuple, ComparedRun]] = {}
    for run in runs:
        key, training = _key(run), (run.experiment.training.seed, *run.experiment.tasks)
        number = next(number for number in itertools.count() if training not in groups.get((key, number), {}))
        groups.setdefault((key, number), {})[training] = run
    return [_system([*members.values()]) for members in groups.values()]


def counterpart(system: System, systems: Sequence[System]) -> System | None:
    """Returns the system of single-task runs of the same network and some of its tasks, if there is one."""
    if system.is_single_task:
        return None
    alone = (other for other in systems if other.is_single_task and not system.runs.keys().isdisjoint(other.runs))
    return next((other for other in alone if other.backbone() == system.backbone()), None)


def _system(members: Sequence[ComparedRun]) -> System:
    runs: dict[str, list[ComparedRun]] = {}
    for run in sorted(members, key=lambda run: run.experiment.training.seed):
        for task in run.tasks:
            runs.setdefault(task, []).append(run)
    is_single = all(len(run.experiment.tasks) == 1 for run in members)
    # The trainings of `name` with several seeds are `name-seed<seed>`.
    name = members[0].experiment.name.removesuffix(f"-seed{members[0].experiment.training.seed}")
    if is_single and len(runs) > 1:
        # The counterparts of `name` are `name-<task>`.
        name = f"{name.removesuffix('-' + members[0].tasks[0])}, single tasks"
    return System(name, runs, is_single)


def _key(run: ComparedRun) -> str:
    """Returns a key that is equal for all runs of one system."""
    values = run.experiment.as_mapping()
    training = {key: value for key, value in values["training"].items() if f"training.{key}" not in _NOT_COMPARED}
    common = {key: values[key] for key in ("model", "tokenizer", "generation")}
    if len(run.experiment.tasks) == 1:
        # The run of a task lacks stages that do not train it; the others name the task, which differs between the runs.
        training["stages"] = [{**stage, "tasks": None} for stage in training["stages"][-1:]]
        return _text({**common, "training": training, "single": True})
    rest = {key: values[key] for key in values if key not in ("name", "training", "evaluation")}
    return _text({**rest, "training": training})


def _text(values) -> str:
    return json.dumps(values, sort_keys=True, default=str)
