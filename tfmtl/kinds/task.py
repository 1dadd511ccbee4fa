"""The configuration that tasks of all kinds have in common."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BeforeValidator, Field, StringConstraints, field_validator

from tfmtl.core.registry import SIGNATURES, Options

TASK_NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*$"

AnyTask = TypeVar("AnyTask", bound="Task")


def field_names(fields: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Returns the names of the fields that a key of a task names; none for `None`."""
    return (fields,) if isinstance(fields, str) else fields or ()


def _checked(fields: Any) -> str | tuple[str, ...]:
    names = tuple(fields) if isinstance(fields, list | tuple) else (fields,)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError("expected the name of a field, or a list of such names")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the field '{twice}' appears twice")
    return names[0] if len(names) == 1 else names


def _described(descriptor: Any) -> str | tuple[float, ...]:
    if isinstance(descriptor, str):
        values: Any = descriptor.strip()
    else:
        values = tuple(descriptor) if isinstance(descriptor, list | tuple) else (descriptor,)
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
            values = ()
    if not values:
        raise ValueError("expected a text, a number, or a list of numbers")
    return values


Descriptor = Annotated[str | tuple[float, ...], BeforeValidator(_described)]
"""What a task or its domain is: a text, or the values of attributes."""

Fields = Annotated[str | tuple[str, ...], BeforeValidator(_checked)]
"""The name of a field, or a list of names of several; see `field_names`."""


class Task(Options):
    """A question about a text, whose answer is learned from the rows of a source.

    The options of a kind are a subclass in `kinds/<kind>/options.py`; its behaviour is a subclass of
    `tfmtl.kinds.kind.Kind`.

    Attributes:
        name: the name of the task, which is also the name of its layer and of its output.
        source: the name of the source that provides texts and targets.
        text: the field with the text to read, or several, whose texts are joined by line breaks; see
            `tfmtl.data.texts`.
        text_pair: the field with the second text of a pair, or several; `None` for single texts.
        instruction: the prompt that follows the text, for a pretrained trunk that continues texts; `None` for none.
        descriptor: what the task or its domain is, from which its head is generated; see `tfmtl.models.descriptors`.
        metrics: the metrics to report in addition to those that all tasks of the kind have.
        primary: the metric that chooses the best checkpoint.
    """

    not_keys: ClassVar[frozenset[str]] = frozenset({"name"})
    kind: ClassVar[str]
    """The name under which the kind is registered."""
    kind_metrics: ClassVar[tuple[str, ...]]
    """The metrics that all tasks of the kind have."""
    generates: ClassVar[bool] = False
    """Whether the target is a sequence of tokens that is written from the states of a text."""
    free_keys: ClassVar[frozenset[str]] = frozenset()
    """Keys that change neither the weights nor the choice of the best epoch: a run takes their new values."""
    is_answered: ClassVar[bool] = True
    """Whether a trained model answers the task; if not, the task only serves to train the trunk."""

    name: str = ""
    source: str
    text: Fields = "text"
    text_pair: Fields | None = None
    instruction: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None = None
    descriptor: Descriptor | None = None
    metrics: tuple[str, ...] = ()
    primary: str = ""

    @property
    def target_fields(self) -> tuple[str, ...]:
        """The fields that contain the target; messages name the first one."""
        raise AttributeError(f"{type(self).__name__} names no field of its target")

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields that the task reads, starting with its texts."""
        return tuple(dict.fromkeys([*field_names(self.text), *field_names(self.text_pair), *self.target_fields]))

    def key_of(self, field: str) -> str:
        """Returns the key of the configuration that names a field which the task reads."""
        keys = [
            key
            for key, value in self
            if key not in self.not_keys and field in (value if isinstance(value, tuple) else (value,))
        ]
        return f"tasks.{self.name}.{keys[0]}" if keys else f"tasks.{self.name}"

    @property
    def decoder_of(self) -> str:
        """The name of the task whose decoder writes for this one."""
        return self.name

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """The metrics of the kind, those of the task, and the primary one, in this order and without duplicates."""
        return tuple(dict.fromkeys([*self.kind_metrics, *self.metrics, self.primary]))

    def as_mapping(self) -> dict[str, Any]:
        """Returns the task as plain values, as in a resolved configuration."""
        return {"kind": self.kind, **self.model_dump(mode="json", by_alias=True, exclude={"name"}, exclude_none=True)}


def answered(tasks: Mapping[str, AnyTask]) -> dict[str, AnyTask]:
    """Returns the tasks that a trained model answers."""
    return {name: task for name, task in tasks.items() if task.is_answered}


RESERVED_NAMES = frozenset(
    {
        "embedding",
        "error",
        "linear_experts",
        "logit_average",
        "sharing",
        "tokens",
        "trunk",
        "text",
        "text_pair",
        "loss",
        "total",
        "val",
    }
    | {"signatures", "variables", "trainable_variables", "non_trainable_variables"}
)
"""Names that belong to layers, inputs and logs of the model, or to attributes of an export."""

_RESERVED_STARTS = ("val_", "tokens_", "target_", "shared_head_")
_RESERVED_ENDS = ("_bytes", "_decoder", "_network", "_rows")


class TaskName(Options):
    """A name that is valid as the name of a layer, an output, a signature and a log key."""

    name: str = Field(pattern=TASK_NAME_PATTERN)

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        is_reserved = name in RESERVED_NAMES or name in {entry.name for entry in SIGNATURES}
        if is_reserved or name.startswith(_RESERVED_STARTS) or name.endswith(_RESERVED_ENDS):
            raise ValueError("this name is taken by the model itself; choose another")
        return name
