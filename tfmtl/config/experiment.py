"""Validates an experiment: plain values go in, one typed object comes out."""

from collections.abc import Mapping
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from tfmtl.config.descriptors import check_descriptors
from tfmtl.config.learning_rates import completed
from tfmtl.config.options import (
    CacheOptions,
    EvaluationOptions,
    GenerationOptions,
    ModelOptions,
    Stage,
    TrainingOptions,
)
from tfmtl.core.errors import ConfigurationError, nearest
from tfmtl.core.registry import ADAPTATION, BALANCING, KINDS, PRESETS, SCHEDULES, SOURCES, TOKENIZERS, Options
from tfmtl.core.validation import Choice, choice_of, lookup, missing_choice, validate
from tfmtl.kinds.task import Task, TaskName, answered

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""The names that an experiment, and so a folder, a model of a server and an image can have."""


class Adapted(Options):
    """What `tfmtl adapt` has added to a trained run.

    Attributes:
        run: the folder of the run that was adapted.
        tasks: the names of the tasks that were added, or were given new labels.
        adapt: the method, with its options.
    """

    run: str
    tasks: list[str] = Field(min_length=1)
    adapt: choice_of(ADAPTATION, "method", "auto", "adapted.adapt")


class Experiment(Options):
    """A complete configuration: the data, the tasks, the model, and how it is trained and evaluated.

    `adapted` has an entry for each time that the model was adapted; only `tfmtl adapt` writes it.
    """

    name: str = Field("experiment", pattern=NAME_PATTERN)
    sources: dict[str, Any] = Field(default_factory=dict)
    tasks: dict[str, Any] = Field(min_length=1)
    tokenizer: choice_of(TOKENIZERS, "type", "sentencepiece", "tokenizer") = Field(
        "sentencepiece", validate_default=True
    )
    model: ModelOptions = Field(default_factory=ModelOptions)
    balancing: choice_of(BALANCING, "method", "fixed", "balancing") = Field("fixed", validate_default=True)
    mixing: choice_of(SCHEDULES, "schedule", "proportional", "mixing") = Field("proportional", validate_default=True)
    training: TrainingOptions = Field(default_factory=TrainingOptions)
    generation: GenerationOptions = GenerationOptions()
    evaluation: EvaluationOptions = EvaluationOptions()
    cache: CacheOptions = CacheOptions()
    adapted: list[Adapted] = Field(default_factory=list)

    @field_validator("cache", mode="before")
    @classmethod
    def _on_or_off(cls, cache: Any) -> Any:
        return {"enabled": cache} if isinstance(cache, bool) else cache

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or not isinstance(values.get("tasks"), Mapping):
            return values
        sources = {name: _source(name, section) for name, section in _section(values, "sources").items()}
        only = next(iter(sources)) if len(sources) == 1 else None
        tasks = {name: _task(name, section, sources, only) for name, section in values["tasks"].items()}
        _check_decoders(tasks)
        reading = _reading(values)
        training = _training(values, reading["model"])
        return {**values, **reading, **training, "sources": sources, "tasks": tasks}

    @model_validator(mode="after")
    def _check_stages(self) -> Self:
        for number, stage in enumerate(self.stages):
            place = f"training.stages.{number}.tasks"
            for name in stage.tasks:
                if name not in self.tasks:
                    raise ConfigurationError(f"{place}: unknown task '{name}'; {nearest(name, self.tasks)}")
            twice = next((name for name in stage.tasks if stage.tasks.count(name) > 1), None)
            if twice:
                raise ConfigurationError(f"{place}: the task '{twice}' appears twice")
        added = {name for adapted in self.adapted for name in adapted.tasks}
        missing = [name for name in answered(self.tasks) if name not in {*self.stages[-1].tasks, *added}]
        if missing:
            raise ConfigurationError(f"{place}: the last stage trains every task that is answered; add '{missing[0]}'")
        return self

    @model_validator(mode="after")
    def _check_frozen(self) -> Self:
        encoder = self.model.encoder.options
        if encoder.frozen and not encoder.pretrained_from and self.training.start_from is None:
            raise ConfigurationError(
                "model.encoder.frozen: its weights would stay the random initial ones; begin with those of a run "
                "('training.start_from', '--from RUN') or of a preset"
            )
        return self

    @model_validator(mode="after")
    def _check_descriptors(self) -> Self:
        check_descriptors(self.tasks, self.model)
        return self

    @property
    def stages(self) -> list[Stage]:
        """The stages of the training with all values filled in; a single stage of all tasks if none is configured."""
        return [stage.completed(self.training, self.tasks) for stage in self.training.stages or [Stage()]]

    def as_mapping(self) -> dict[str, Any]:
        """Returns the resolved experiment as plain values; `parse(experiment.as_mapping())` equals the experiment."""
        plain = self.model_dump(mode="json", by_alias=True, exclude={"sources", "tasks"})
        plain["sources"] = {name: source.as_mapping() for name, source in self.sources.items()}
        plain["tasks"] = {name: task.as_mapping() for name, task in self.tasks.items()}
        return plain

    def to_yaml(self) -> str:
        """Returns the resolved experiment as YAML that `load_experiment` can read."""
        return yaml.safe_dump(self.as_mapping(), sort_keys=False, allow_unicode=True)


def _reading(values: Mapping) -> dict[str, Any]:
    """Returns the section `model`, and the section `tokenizer` if the encoder brings a tokenizer of its own."""
    model = validate(ModelOptions, _section(values, "model"), "model")
    own = model.encoder.options.own_tokenizer
    if own is None:
        return {"model": model}
    given = values.get("tokenizer", own)
    if (given.as_mapping() if isinstance(given, Choice) else given) != own:
        raise ConfigurationError("tokenizer: model.encoder brings its own and accepts no other; leave this section out")
    return {"model": model, "tokenizer": own}


def _training(values: Mapping, model: ModelOptions) -> dict[str, Any]:
    """Returns the section `training` with all learning rates: a stage's are by default those of the training."""
    section = values.get("training")
    if isinstance(section, TrainingOptions):
        return {"training": section}
    section = dict(_section(values, "training"))
    section["learning_rate"] = completed(section.get("learning_rate"), model.encoder.options.learning_rates)
    if isinstance(section.get("stages"), list):
        section["stages"] = [_with_rates(stage, section["learning_rate"]) for stage in section["stages"]]
    return {"training": section}


def _with_rates(stage: Any, defaults: Any) -> Any:
    rates = stage.get("learning_rate") if isinstance(stage, Mapping) else None
    return {**stage, "learning_rate": completed(rates, defaults)} if isinstance(rates, Mapping) else stage


def _section(values: Mapping, key: str) -> Mapping:
    section = values.get(key) or {}
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{key}: expected names and their settings, found {section!r}")
    return section


def _source(name: str, section: Any) -> Choice:
    if isinstance(section, Choice):
        return section
    place = f"sources.{name}"
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{place}: expected keys and values, found {section!r}")
    form = section.get("format") or _format_of(section.get("train"))
    if form is None:
        raise missing_choice(section, ["format"], SOURCES, place)
    rest = {key: value for key, value in section.items() if key != "format"}
    entry = lookup(SOURCES, form, f"{place}.format")
    return Choice(key="format", name=entry.name, options=validate(entry.options, rest, place))


def _format_of(paths: Any) -> str | None:
    """Returns the format of files whose names all end as those of one format do; `None` if there is none."""
    paths = [paths] if isinstance(paths, str) else paths
    if not isinstance(paths, list | tuple) or not paths or not all(isinstance(path, str) for path in paths):
        return None
    names = [path.removesuffix(".gz") for path in paths]
    endings = {entry.name: getattr(entry.build, "endings", ()) for entry in SOURCES}
    return next((form for form, known in endings.items() if all(name.endswith(known) for name in names)), None)


def _task(name: str, section: Any, sources: dict[str, Choice], only: str | None = None) -> Task:
    """Returns the task `name`; if its preset brings a source, adds that source to `sources`.

    Args:
        name: the name of the task.
        section: its section of the configuration.
        sources: the sources, by name.
        only: the source of a task that names none.
    """
    if isinstance(section, Task):
        return section
    place = f"tasks.{name}"
    _check_task_name(name, place)
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{place}: expected keys and values, found {section!r}")
    section = dict(section)
    if "name" in section:
        raise ConfigurationError(f"{place}: unknown key 'name'; a task's name is the key of its section")
    if "preset" in section:
        section = _expand_preset(section, sources, place)
    if only is not None:
        section.setdefault("source", only)
    if "kind" not in section:
        raise missing_choice(section, ["kind", "preset"], KINDS, place)
    kind = lookup(KINDS, section.pop("kind"), f"{place}.kind")
    task = validate(kind.options, {**section, "name": name}, place)
    if task.source not in sources:
        raise ConfigurationError(f"{place}.source: unknown source '{task.source}'; {nearest(task.source, sources)}")
    return task


def _check_decoders(tasks: dict[str, Task]) -> None:
    """Raises if a task is to be written by a decoder that does not exist, or if no task is answered."""
    writing = [name for name, task in tasks.items() if task.generates and task.is_answered]
    for name, task in tasks.items():
        if task.decoder_of not in (name, *writing):
            known = nearest(task.decoder_of, writing)
            raise ConfigurationError(f"tasks.{name}.decoder: no task '{task.decoder_of}' with a decoder; {known}")
    if tasks and not answered(tasks):
        raise ConfigurationError("tasks: all of them are auxiliary; add one whose metric chooses the best model")


def _check_task_name(name: str, place: str) -> None:
    try:
        TaskName(name=name)
    except ValidationError as error:
        kind = error.errors()[0]["type"]
        rule = "it is taken by the model itself" if kind == "value_error" else "letters, digits and _, a letter first"
        raise ConfigurationError(f"{place}: this cannot be the name of a task: {rule}") from None


def _expand_preset(section: dict, sources: dict[str, Choice], place: str) -> dict:
    preset_name = section.pop("preset")
    preset = lookup(PRESETS, preset_name, f"{place}.preset").build()
    source = section.pop("source", {})
    if isinstance(source, str):
        return {**preset["task"], **section, "source": source}
    if not isinstance(source, Mapping):
        raise ConfigurationError(f"{place}.source: expected a name, or keys and values, found {source!r}")
    choice = _source(preset_name, source if "format" in source else {**preset["source"], **source})
    if sources.setdefault(preset_name, choice) != choice:
        raise ConfigurationError(f"{place}.source: another task reads the preset '{preset_name}' with other settings")
    return {**preset["task"], **section, "source": preset_name}


def parse(values: Any) -> Experiment:
    """Returns the experiment that `values` describe.

    Raises:
        ConfigurationError: if the values are not valid; one line that names the place.
    """
    return validate(Experiment, values, "")
