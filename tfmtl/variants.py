"""Experiments made from one, to be compared with it."""

from collections.abc import Iterable

from tfmtl.config import Experiment, parse
from tfmtl.tasks.task import answered


def single_tasks(experiment: Experiment) -> list[Experiment]:
    """Returns one experiment for each task that is answered, named `<name>-<task>`, that learns it alone.

    The network stays the same, and the passes over the task's rows as many, so that each task reads as many rows as it
    does beside the others; stages that do not train it are left out. Its loss has a weight of one.
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
