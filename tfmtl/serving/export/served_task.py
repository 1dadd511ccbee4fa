"""The description of a task in an export."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationInfo, field_validator

from tfmtl.config.experiment import Experiment
from tfmtl.core.errors import nearest
from tfmtl.core.registry import KINDS
from tfmtl.kinds.kind import Kind, kind_named, kind_of
from tfmtl.kinds.task import Fields, Task


class ServedTask(BaseModel):
    """What a client must know to ask a task and to read its answer; part of every export.

    Attributes:
        kind: the kind of the task.
        pair: whether it reads two texts.
        labels: its label set, in the order of the probabilities; empty if it has none.
        text: the field that it was trained to read, which a table of rows may have; several if they are one text.
        text_pair: the field of the second text, likewise; meaningless if the task reads one text.
        options: the options that its kind needs to show an answer.
        missing: the texts that stand for a missing value in its source; `None` if they are those of each format.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    pair: bool = False
    labels: tuple[str, ...] = ()
    text: Fields = "text"
    text_pair: Fields = "text_pair"
    options: dict[str, Any] = {}
    missing: tuple[str, ...] | None = None

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        names = [entry.name for entry in KINDS]
        if kind not in names:
            raise ValueError(f"there is no kind '{kind}' here; {nearest(kind, names)}")
        return kind

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        twice = next((label for label in labels if labels.count(label) > 1), None)
        if twice is not None:
            raise ValueError(f"the label '{twice}' appears twice")
        if labels and "kind" in info.data and type(kind_named(info.data["kind"])).label_set is Kind.label_set:
            raise ValueError(f"tasks of kind '{info.data['kind']}' have no labels")
        return labels

    @field_validator("options")
    @classmethod
    def _valid(cls, options: Mapping[str, Any], info: ValidationInfo) -> Mapping[str, Any]:
        if "kind" not in info.data:
            return options
        fields = KINDS.get(info.data["kind"]).options.model_fields
        for name, value in options.items():
            if name not in fields:
                raise ValueError(f"there is no option '{name}'; {nearest(name, fields)}")
            TypeAdapter(Annotated[fields[name].annotation, *fields[name].metadata]).validate_python(value)
        return options

    @classmethod
    def of(cls, task: Task, missing: tuple[str, ...] | None = None) -> Self:
        """Returns the description of a task, given the texts that stand for a missing value in its source."""
        fields = {"text": task.text, "text_pair": task.text_pair or "text_pair"}
        kind = kind_of(task)
        options = {key: value for key, value in kind.client_options(task).items() if value is not None}
        pair = task.text_pair is not None
        return cls(kind=task.kind, pair=pair, labels=kind.label_set(task), options=options, missing=missing, **fields)

    @property
    def generates(self) -> bool:
        """Whether the answer is written by a decoder."""
        return KINDS.get(self.kind).options.generates


def served_tasks(experiment: Experiment, tasks: Mapping[str, Task]) -> dict[str, ServedTask]:
    """Returns the descriptions of tasks, by name.

    Args:
        experiment: the experiment, which has the sources of the tasks.
        tasks: the tasks, with their label sets.
    """
    return {
        name: ServedTask.of(task, experiment.sources[task.source].options.stated_missing)
        for name, task in tasks.items()
    }
