"""The experiment of an adapted run: that of the trained run, with what it is to learn."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmtl.config.adaptation import Adaptation, AdaptationOptions
from tfmtl.config.experiment import Experiment, parse
from tfmtl.core.errors import ConfigurationError, nearest
from tfmtl.core.validation import Choice
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task


def adapted_experiment(base: Experiment, run: str | Path, adaptation: Adaptation) -> Experiment:
    """Returns the experiment of a run that is adapted.

    Args:
        base: the experiment of the run, with its label sets.
        run: its folder.
        adaptation: what it is to learn.

    Raises:
        ConfigurationError: if the tasks or sources are not valid, or the run has others of the same names.
    """
    options, values = adaptation.options, base.as_mapping()
    for name in options.new_labels:
        if name not in adaptation.tasks:
            raise ConfigurationError(f"adapt.new_labels.{name}: add the task '{name}', with its source, to 'tasks'")
    sections = {name: _section(base, adaptation, name) for name in adaptation.tasks}
    # Without those of the run, so that a task cannot read a source whose rows are not those of the adaptation.
    alone = parse(
        {
            "tokenizer": values["tokenizer"],
            "model": values["model"],
            "sources": adaptation.sources,
            "tasks": sections,
        }
    )
    for name in alone.sources:
        if name in base.sources:
            raise ConfigurationError(f"sources.{name}: the run has a source of this name; choose another")
    tasks = {name: _extended(base, task, options) for name, task in alone.tasks.items()}
    record = {"run": str(run), "tasks": list(tasks), "adapt": adaptation.adapt.as_mapping()}
    return parse(
        {
            **values,
            "name": adaptation.name,
            "sources": {**base.sources, **{name: _few(choice, options) for name, choice in alone.sources.items()}},
            "tasks": {**base.tasks, **tasks},
            "adapted": [*values["adapted"], record],
        }
    )


def _section(base: Experiment, adaptation: Adaptation, name: str) -> Any:
    """Returns the section of a task: of one that is given new labels, laid over that of the run."""
    section, new_labels = adaptation.tasks[name], adaptation.options.new_labels
    if name not in base.tasks:
        if name in new_labels:
            raise ConfigurationError(f"adapt.new_labels.{name}: the run has no such task; {nearest(name, base.tasks)}")
        return section
    if name not in new_labels:
        raise ConfigurationError(
            f"tasks.{name}: the run has a task of this name; choose another, or say by 'adapt.new_labels' which labels "
            "it is to have in addition"
        )
    if not isinstance(section, Mapping):
        return section
    old = base.tasks[name].as_mapping()
    different = next((key for key in ("kind", "labels") if section.get(key, old.get(key)) != old.get(key)), None)
    if different:
        raise ConfigurationError(f"tasks.{name}.{different}: this is that of the run's task; leave it out")
    return {**{key: value for key, value in old.items() if key != "source"}, **section}


def _extended(base: Experiment, task: Task, options: AdaptationOptions) -> Task:
    if task.name not in options.new_labels:
        return task
    new = options.new_labels[task.name]
    if not new:
        raise ConfigurationError(f"adapt.new_labels.{task.name}: name at least one")
    return kind_of(task).extended(task, new)


def _few(choice: Choice, options: AdaptationOptions) -> Choice:
    """Returns a source of which the rows of the adaptation are read; few rows are not cut for other splits."""
    given = choice.options
    changes: dict[str, Any] = {} if "cut" in given.model_fields_set else {"cut": False}
    if options.shots is not None:
        if given.shots is not None:
            raise ConfigurationError("adapt.shots: a source has 'shots' too; give one of the two")
        changes["shots"] = {"rows": options.shots, "seed": options.seed}
    values = {**given.model_dump(exclude_unset=True), **changes}
    return choice.model_copy(update={"options": type(given).model_validate(values)})
