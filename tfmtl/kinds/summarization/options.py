"""The options of a summarization task."""

from typing import ClassVar

from tfmtl.kinds.task import Fields, field_names
from tfmtl.kinds.written_task import WrittenTask


class Summarization(WrittenTask):
    """A summary of a text, written by the task's own decoder.

    Attributes:
        summary: the field that contains the reference, or a list of references; or several such fields. Training reads
            the first reference of a row.
    """

    kind: ClassVar[str] = "summarization"
    kind_metrics: ClassVar[tuple[str, ...]] = ("rouge1", "rouge2", "rougeL", "rougeLsum")

    summary: Fields = "summary"
    primary: str = "rougeL"

    @property
    def target_fields(self) -> tuple[str, ...]:
        return field_names(self.summary)
