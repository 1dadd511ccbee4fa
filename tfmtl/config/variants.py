"""Variants of an experiment, to be compared with it."""

from collections.abc import Iterable

from tfmtl.config.experiment import Experiment, parse
from tfmtl.kinds.task import answered


def single_tasks(experiment: Experiment) -> list[Experiment]:
    """Returns one experiment for each task that is answered; it is named `<name>-<task>` and trains that task alone.

    The network and the number of epochs stay the same, but an epoch contains only the task's own rows. Single tasks
    with different rows therefore make as many updates together as the joint model. With proportional mixing, a task's
    rows are read as often as in the joint training. Other mixing repeats small tasks and thins out large ones, which
    has no meaning for a single task; dynamic mixing becomes proportional. Stages that do not train the task are left
    out. The weight of its loss is one.
    """
    values = experiment.as_mapping()
    return [
        parse(
            {
                **values,
                "name": f"{experiment.name}-{name}",
                "training": {**values["training"], "stages": _stages_of(experiment, name)},
                "sources": {task.source: values["sources"][task.source]},
                "tasks": {name: values["tasks"][name]},
                "balancing": {"method": "fixed"},
                "mixing": "proportional" if hasattr(experiment.mixing.options, "rule") else values["mixing"],
            }
        )
        for name, task in answered(experiment.tasks).items()
    ]


def _stages_of(experiment: Experiment, task: str) -> list[dict]:
    stages = [stage for stage in experiment.stages if task in stage.tasks] if experiment.training.stages else []
    return [{**stage.model_dump(), "tasks": [task]} for stage in stages]


def with_seeds(experiment: Experiment, seeds: Iterable[int]) -> list[Experiment]:
    """Returns a copy of the experiment for each seed, named `<name>-seed<seed>`."""
    values = experiment.as_mapping()
    return [
        parse({**values, "name": f"{experiment.name}-seed{seed}", "training": {**values["training"], "seed": seed}})
        for seed in seeds
    ]
