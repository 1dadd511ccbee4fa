"""What every task is configured by, whatever its kind."""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import Field, field_validator

from tfmtl.core.registry import SIGNATURES, Options

AnyTask = TypeVar("AnyTask", bound="Task")


class Task(Options):
    """One question about a text.

    A kind's options are a subclass in `kinds/<kind>/options.py`; what the kind does with them is a subclass of
    `tfmtl.kinds.kind.Kind`.

    Attributes:
        name: the task's name; also its layer's and its output's.
        source: the name of the source whose rows ask and answer it.
        text: the field that is read.
        text_pair: the second field of a pair task.
        metrics: metrics reported beside those that every task of the kind has.
        primary: the metric that chooses the best checkpoint.
    """

    kind: ClassVar[str]
    """The name under which the kind is registered."""
    kind_metrics: ClassVar[tuple[str, ...]]
    """Metrics that every task of the kind has."""
    generates: ClassVar[bool] = False
    """Whether the target is a sequence of tokens that is written from the states of a text."""
    is_answered: ClassVar[bool] = True
    """Whether a trained model is asked; if not, the task is there for what the trunk learns from it."""

    name: str = ""
    source: str
    text: str = "text"
    text_pair: str | None = None
    metrics: tuple[str, ...] = ()
    primary: str = ""

    @property
    def target_fields(self) -> tuple[str, ...]:
        """The fields that hold the target; the first is the one that messages name."""
        raise AttributeError(f"{type(self).__name__} names no field of its target")

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields that the task reads, its texts first."""
        return tuple(dict.fromkeys(filter(None, (self.text, self.text_pair, *self.target_fields))))

    @property
    def decoder_of(self) -> str:
        """The name of the task whose decoder writes for this one."""
        return self.name

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """The kind's metrics, then the task's own, then the primary one, each once."""
        return tuple(dict.fromkeys([*self.kind_metrics, *self.metrics, self.primary]))

    def as_mapping(self) -> dict[str, Any]:
        """Returns the task as a resolved configuration holds it."""
        return {"kind": self.kind, **self.model_dump(mode="json", exclude={"name"}, exclude_none=True)}


def answered(tasks: Mapping[str, AnyTask]) -> dict[str, AnyTask]:
    """Returns the tasks that a trained model is asked."""
    return {name: task for name, task in tasks.items() if task.is_answered}


RESERVED_NAMES = frozenset(
    {
        "embedding",
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
"""Names that layers, inputs and logs of the model have themselves, or attributes of an export."""

_RESERVED_STARTS = ("val_", "tokens_", "target_", "shared_head_")
_RESERVED_ENDS = ("_bytes", "_decoder", "_network", "_rows")


class TaskName(Options):
    """A name that can be a layer, an output, a signature and a log key at once."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        is_reserved = name in RESERVED_NAMES or name in {entry.name for entry in SIGNATURES}
        if is_reserved or name.startswith(_RESERVED_STARTS) or name.endswith(_RESERVED_ENDS):
            raise ValueError("this name is taken by the model itself; choose another")
        return name
