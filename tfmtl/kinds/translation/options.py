"""The options of a translation task."""

from typing import ClassVar

from pydantic import Field

from tfmtl.kinds.written_task import WrittenTask


class Translation(WrittenTask):
    """A text in another language, written by the task's own decoder.

    Attributes:
        target: the field that contains the reference, or a list of references, of which training reads the first.
        copy_source: whether the decoder can copy tokens of the text; `copy` in a configuration. Off by default,
            whatever `model.decoder.copy` says, because few tokens are the same in two languages.
    """

    kind: ClassVar[str] = "translation"
    kind_metrics: ClassVar[tuple[str, ...]] = ("chrf", "bleu")

    target: str = "target"
    copy_source: bool = Field(False, alias="copy")
    primary: str = "chrf"

    @property
    def target_fields(self) -> tuple[str, ...]:
        return (self.target,)
