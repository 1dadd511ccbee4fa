"""The options of a summarization task."""

from typing import ClassVar

from tfmtl.kinds.written_task import WrittenTask


class Summarization(WrittenTask):
    """A summary of a text, written by the task's own decoder.

    Attributes:
        summary: the field that contains the reference, or a list of references, of which training reads the first.
    """

    kind: ClassVar[str] = "summarization"
    kind_metrics: ClassVar[tuple[str, ...]] = ("rouge1", "rouge2", "rougeL", "rougeLsum")

    summary: str = "summary"
    primary: str = "rougeL"

    @property
    def target_fields(self) -> tuple[str, ...]:
        return (self.summary,)
