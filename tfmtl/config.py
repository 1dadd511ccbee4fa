"""The experiment, validated: plain values in, one typed object out."""

from collections.abc import Mapping
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from tfmtl.errors import ConfigurationError, nearest
from tfmtl.registry import (
    BALANCING,
    ENCODERS,
    KINDS,
    PRESETS,
    SCHEDULES,
    SHARING,
    SOURCES,
    TOKENIZERS,
    Options,
)
from tfmtl.tasks.task import Task, TaskName, answered
from tfmtl.validation import Choice, choice_of, lookup, validate


class DecoderOptions(Options):
    """The summary writer; its kind, width and the like are the encoder's.

    Attributes:
        layers: Transformer or LSTM layers, as the encoder's are; `gpt` has none beside its own.
        copy_source: whether the decoder can copy pieces of the source (See et al. 2017); `copy` in a configuration.
        dropout: of the embedding and each sublayer; the encoder's where absent.
    """

    layers: int = Field(2, ge=1)
    copy_source: bool = Field(True, alias="copy")
    dropout: float | None = Field(None, ge=0.0, lt=1.0)


class NgramOptions(Options):
    """What heads see beside the encoder's states: the text's pieces and n-grams of pieces, without their order.

    Attributes:
        order: the most pieces of an n-gram.
        buckets: rows of the table that n-grams of two pieces or more are hashed into.
        size: of an n-gram's learned vector.
        dropout: the share of n-grams that are dropped in training.
    """

    order: int = Field(2, ge=1, le=5)
    buckets: int = Field(65536, ge=1, le=1 << 24)
    size: int = Field(16, ge=1)
    dropout: float = Field(0.5, ge=0.0, lt=1.0)


class ModelOptions(Options):
    """The network.

    Attributes:
        encoder: the shared trunk.
        decoder: the summary writer; each summarization task has its own.
        sharing: how parameters are shared between tasks.
        ngrams: a bag of n-grams, one for all tasks, that the heads of classification and regression tasks see too; none
            where absent.
        head_dropout: dropout before the output layer of a classification or regression head.
    """

    encoder: choice_of(ENCODERS, "type", "transformer", "model.encoder") = Field("transformer", validate_default=True)
    decoder: DecoderOptions = DecoderOptions()
    sharing: choice_of(SHARING, "type", "hard", "model.sharing") = Field("hard", validate_default=True)
    ngrams: NgramOptions | None = None
    head_dropout: float = Field(0.1, ge=0.0, lt=1.0)


class TrainingOptions(Options):
    """How the model is trained.

    Attributes:
        epochs: passes over the mixture.
        batch_size: rows in an update, over all replicas.
        accumulation: parts in which each replica reads its rows of a batch, one after the other, with the memory of
            one; the update is that of the whole batch.
        learning_rate: the peak.
        warmup: the share of all updates over which the learning rate rises.
        decay: how it falls after that, to zero at the last update.
        weight_decay: decoupled (AdamW); not applied to biases and normalisation scales.
        ema_momentum: of the moving average of the weights, which then is what is validated, kept as the best model and
            served; 0 turns it off.
        clip_norm: the largest global norm of the combined gradient, after reduction over replicas; 0 turns it off.
        precision: the Keras dtype policy.
        strategy: how replicas are run; `auto` is `multi_worker` where `TF_CONFIG` names several workers, else
            `mirrored` with two GPUs or more, else `none`.
        seed: of initial weights, dropout, mixing and splits.
        early_stopping: epochs without a better validation score after which training ends; 0 turns it off.
        task_stopping: epochs without a better validation metric of one task after which that task's loss weight
            becomes zero; 0 turns it off.
        checkpoint_every: updates between two checkpoints; one is also written at each epoch's end.
        generate_examples: rows of validation for which each summary is generated each epoch.
        log_every: updates between two TensorBoard records.
    """

    epochs: int = Field(10, ge=1)
    batch_size: int = Field(32, ge=1)
    accumulation: int = Field(1, ge=1)
    learning_rate: float = Field(1e-3, gt=0.0, allow_inf_nan=False)
    warmup: float = Field(0.1, ge=0.0, le=1.0)
    decay: Literal["cosine", "linear", "none"] = "cosine"
    weight_decay: float = Field(0.01, ge=0.0)
    ema_momentum: float = Field(0.0, ge=0.0, lt=1.0)
    clip_norm: float = Field(1.0, ge=0.0)
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    strategy: Literal["auto", "none", "mirrored", "multi_worker", "tpu"] = "auto"
    seed: int = Field(0, ge=0)
    early_stopping: int = Field(0, ge=0)
    task_stopping: int = Field(0, ge=0)
    checkpoint_every: int = Field(500, ge=1)
    generate_examples: int = Field(256, ge=1)
    log_every: int = Field(20, ge=1)


class GenerationOptions(Options):
    """How summaries are written.

    Attributes:
        beams: hypotheses kept; 1 is greedy search.
        length_penalty: the exponent of Wu et al. 2016, eq. 14; 0 prefers the sum of log-probabilities.
        early_stopping: whether beam search ends a summary once no running hypothesis would beat the best ended one if
            it ended now; else, once none could however long it became, which takes longer and is seldom better.
        no_repeat_ngram: no piece n-gram of this size stands twice in a summary; 0 turns it off.
        min_length: pieces before the end mark may be written.
    """

    beams: int = Field(4, ge=1)
    length_penalty: float = Field(1.0, ge=0.0)
    early_stopping: bool = True
    no_repeat_ngram: int = Field(3, ge=0)
    min_length: int = Field(1, ge=0)


class EvaluationOptions(Options):
    """How a split is evaluated.

    Attributes:
        batch_size: rows in a batch.
        bootstrap_samples: resamplings behind each 95 % interval.
    """

    batch_size: int = Field(64, ge=1)
    bootstrap_samples: int = Field(1000, ge=100)


class Experiment(Options):
    """One experiment: what to read, what to learn from it, with which model, how."""

    name: str = Field("experiment", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    sources: dict[str, Any] = Field(default_factory=dict)
    tasks: dict[str, Any] = Field(min_length=1)
    tokenizer: choice_of(TOKENIZERS, "type", "sentencepiece", "tokenizer") = Field(
        "sentencepiece", validate_default=True
    )
    model: ModelOptions = Field(default_factory=ModelOptions)
    balancing: choice_of(BALANCING, "method", "fixed", "balancing") = Field("fixed", validate_default=True)
    mixing: choice_of(SCHEDULES, "schedule", "proportional", "mixing") = Field("proportional", validate_default=True)
    training: TrainingOptions = TrainingOptions()
    generation: GenerationOptions = GenerationOptions()
    evaluation: EvaluationOptions = EvaluationOptions()

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or not isinstance(values.get("tasks"), Mapping):
            return values
        sources = {name: _source(name, section) for name, section in _section(values, "sources").items()}
        tasks = {name: _task(name, section, sources) for name, section in values["tasks"].items()}
        _check_decoders(tasks)
        return {**values, "sources": sources, "tasks": tasks}

    def as_mapping(self) -> dict[str, Any]:
        """The resolved experiment as plain values, such that `parse(experiment.as_mapping())` equals it."""
        plain = self.model_dump(mode="json", by_alias=True, exclude={"sources", "tasks"})
        plain["sources"] = {name: source.as_mapping() for name, source in self.sources.items()}
        plain["tasks"] = {name: task.as_mapping() for name, task in self.tasks.items()}
        return plain

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.as_mapping(), sort_keys=False, allow_unicode=True)


def _section(values: Mapping, key: str) -> Mapping:
    section = values.get(key) or {}
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{key}: expected names and their settings, found {section!r}")
    return section


def _source(name: str, section: Any) -> Choice:
    if isinstance(section, Choice):
        return section
    place = f"sources.{name}"
    if not isinstance(section, Mapping) or "format" not in section:
        known = nearest("", (entry.name for entry in SOURCES))
        raise ConfigurationError(f"{place}: the key 'format' is required; {known}")
    rest = {key: value for key, value in section.items() if key != "format"}
    entry = lookup(SOURCES, section["format"], f"{place}.format")
    return Choice(key="format", name=entry.name, options=validate(entry.options, rest, place))


def _task(name: str, section: Any, sources: dict[str, Choice]) -> Task:
    """Returns the task `name`, adding to `sources` the one that its preset brings."""
    if isinstance(section, Task):
        return section
    place = f"tasks.{name}"
    _check_task_name(name, place)
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{place}: expected keys and values, found {section!r}")
    section = dict(section)
    if "name" in section:
        raise ConfigurationError(f"{place}: unknown key 'name'; a task's name is the key that it stands under")
    if "preset" in section:
        section = _expand_preset(section, sources, place)
    if "kind" not in section:
        known = nearest("", (entry.name for entry in KINDS))
        raise ConfigurationError(f"{place}: one of the keys 'kind' and 'preset' is required; {known}")
    kind = lookup(KINDS, section.pop("kind"), f"{place}.kind")
    task = validate(kind.options, {**section, "name": name}, place)
    if task.source not in sources:
        raise ConfigurationError(f"{place}.source: unknown source '{task.source}'; {nearest(task.source, sources)}")
    return task


def _check_decoders(tasks: dict[str, Task]) -> None:
    """Raises where gaps are to be filled by a decoder that there is not, or where there is nothing but gaps."""
    writing = [name for name, task in tasks.items() if task.kind == "summarization"]
    for name, task in tasks.items():
        if task.writer not in (name, *writing):
            raise ConfigurationError(
                f"tasks.{name}.decoder: no summarization task '{task.writer}'; {nearest(task.writer, writing)}"
            )
    if tasks and not answered(tasks):
        raise ConfigurationError("tasks: none of them is answered, so nothing would choose the best model; add one")


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
    """Returns the experiment that plain values describe; raises `ConfigurationError` in one line."""
    return validate(Experiment, values, "")
