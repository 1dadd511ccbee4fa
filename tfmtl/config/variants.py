"""Experiments made from one, to be compared with it."""

from collections.abc import Iterable

from tfmtl.config.experiment import Experiment, parse
from tfmtl.kinds.task import answered


def single_tasks(experiment: Experiment) -> list[Experiment]:
    """Returns one experiment for each task that is answered, named `<name>-<task>`, that learns it alone.

    The network stays the same, and so do the epochs, now of the task's rows alone: single tasks of different rows make
    as many updates together as the model of all. Where mixing is proportional, each reads its rows as often as beside
    the others; other mixing, which repeats small tasks and thins out large ones, has no meaning for one alone. Stages
    that do not train it are left out. Its loss has a weight of one.
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
            }
        )
        for name, task in answered(experiment.tasks).items()
    ]


def _stages_of(experiment: Experiment, task: str) -> list[dict]:
    stages = [stage for stage in experiment.stages if task in stage.tasks] if experiment.training.stages else []
    return [{**stage.model_dump(), "tasks": [task]} for stage in stages]


def with_seeds(experiment: Experiment, seeds: Iterable[int]) -> list[Experiment]:
    """Returns the experiment with each seed, named `<name>-seed<seed>`."""
    values = experiment.as_mapping()
    return [
        parse({**values, "name": f"{experiment.name}-seed{seed}", "training": {**values["training"], "seed": seed}})
        for seed in seeds
    ]
