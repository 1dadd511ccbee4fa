"""The options of a summarization task."""

from typing import ClassVar

from pydantic import Field

from tfmtl.kinds.task import Task


class Summarization(Task):
    """A summary of a text, written by the task's own decoder.

    Attributes:
        summary: the field that contains the reference, or a list of references, of which training reads the first.
        max_length: the maximum number of tokens in a summary, including its end mark.
        label_smoothing: the share of the target probability that is spread over the whole vocabulary.
    """

    kind: ClassVar[str] = "summarization"
    kind_metrics: ClassVar[tuple[str, ...]] = ("rouge1", "rouge2", "rougeL", "rougeLsum")
    generates: ClassVar[bool] = True

    summary: str = "summary"
    max_length: int = Field(64, ge=2)
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    primary: str = "rougeL"

    @property
    def target_fields(self) -> tuple[str, ...]:
        return (self.summary,)
