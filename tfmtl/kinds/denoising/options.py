"""The options of a denoising task."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from tfmtl.kinds.task import Task, field_names


class Denoising(Task):
    """Filling the gaps in a text: an auxiliary task that trains the trunk and is not answered afterwards.

    Every row is used, whether other tasks have a target there or not. The gaps differ each epoch.

    Attributes:
        objective: what is removed from a text: with `spans`, sequences of tokens, which a decoder writes (T5; see
            `span_corruption`); with `pieces`, single tokens, which are predicted from the trunk's states (BERT; see
            `token_masking`).
        noise_density: the share of a text's tokens that is removed.
        mean_span: the mean number of tokens in a span.
        decoder: the name of the task whose decoder also writes the spans; if absent, the task has its own decoder.
    """

    not_keys: ClassVar[frozenset[str]] = Task.not_keys | {"text_pair", "instruction", "metrics", "primary"}
    kind: ClassVar[str] = "denoising"
    kind_metrics: ClassVar[tuple[str, ...]] = ()
    is_answered: ClassVar[bool] = False
    generates: ClassVar[bool] = True

    objective: Literal["spans", "pieces"] = "spans"
    noise_density: float = Field(0.15, gt=0.0, lt=1.0)
    mean_span: float = Field(3.0, ge=1.0)
    decoder: str | None = None

    @field_validator("text_pair", "metrics", "primary", "instruction")
    @classmethod
    def _none(cls, value: Any) -> Any:
        if value:
            raise ValueError("a denoising task reads one text without an instruction, and has no metrics but its loss")
        return value

    @model_validator(mode="after")
    def _only_spans_are_written(self) -> Self:
        if self.decoder and self.objective != "spans":
            raise ValueError("a decoder writes spans; pieces need none")
        return self

    @property
    def target_fields(self) -> tuple[str, ...]:
        return field_names(self.text)

    @property
    def decoder_of(self) -> str:
        return self.decoder or self.name

    @property
    def all_metrics(self) -> tuple[str, ...]:
        return ()
