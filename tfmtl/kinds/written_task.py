"""The options of tasks whose answer is a text that a decoder writes."""

from typing import ClassVar

from pydantic import Field

from tfmtl.kinds.task import Task


class WrittenTask(Task):
    """A text that is written about another text; the base class of the options of such kinds.

    Attributes:
        max_length: the maximum number of tokens in a written text, including its end mark.
        label_smoothing: the share of the target probability that is spread over the whole vocabulary.
        copy_source: whether the decoder can copy tokens of the text; `copy` in a configuration. `None` means what
            `model.decoder.copy` says.
    """

    generates: ClassVar[bool] = True

    max_length: int = Field(64, ge=2)
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    copy_source: bool | None = Field(None, alias="copy")
