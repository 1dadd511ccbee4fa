"""The options of a translation task."""

from typing import ClassVar

from pydantic import Field

from tfmtl.kinds.task import Fields, field_names
from tfmtl.kinds.written_task import WrittenTask


class Translation(WrittenTask):
    """A text in another language, written by the task's own decoder.

    Attributes:
        target: the field that contains the reference, or a list of references; or several such fields. Training reads
            the first reference of a row.
        copy_source: whether the decoder can copy tokens of the text; `copy` in a configuration. Off by default,
            whatever `model.decoder.copy` says, because few tokens are the same in two languages.
    """

    kind: ClassVar[str] = "translation"
    kind_metrics: ClassVar[tuple[str, ...]] = ("chrf", "bleu")

    target: Fields = "target"
    copy_source: bool = Field(False, alias="copy")
    primary: str = "chrf"

    @property
    def target_fields(self) -> tuple[str, ...]:
        return field_names(self.target)
