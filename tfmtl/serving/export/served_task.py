"""What an export says of each of its tasks."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from tfmtl.core.registry import KINDS
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task


class ServedTask(BaseModel):
    """What one must know of a task to ask it and to read its answer; an export carries it.

    Attributes:
        kind: of the task.
        pair: whether it reads two texts.
        labels: its label set, in the order of the probabilities; empty where it has none.
        text: the field that it was trained to read, which a table of rows may have.
        text_pair: the second field; without a meaning where it reads one text.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    pair: bool = False
    labels: tuple[str, ...] = ()
    text: str = "text"
    text_pair: str = "text_pair"

    @classmethod
    def of(cls, task: Task) -> Self:
        fields = {"text": task.text, "text_pair": task.text_pair or "text_pair"}
        return cls(kind=task.kind, pair=task.text_pair is not None, labels=kind_of(task).label_set(task), **fields)

    @property
    def generates(self) -> bool:
        """Whether the answer is written by a decoder."""
        return KINDS.get(self.kind).options.generates
