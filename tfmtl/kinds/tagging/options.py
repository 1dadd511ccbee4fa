"""The options of a tagging task."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from tfmtl.kinds.labels import Names, configured_labels, distinct_labels
from tfmtl.kinds.task import Task

TagSet = Annotated[tuple[str, ...] | None, BeforeValidator(configured_labels), AfterValidator(distinct_labels)]


class Tagging(Task):
    """A tag for each word of a text, such as the slots of an utterance.

    Attributes:
        words: the field with the words: a list, or a text that is split at white space. It is the text that is read;
            other tasks with this field as their `text` read it at the same time.
        tags: the field with as many tags: a list, or a text that is split at white space. If the value is missing or an
            empty text, the row has no target. Tags with the prefixes `B-` and `I-`, or also `E-` and `S-`, mark spans
            of words; other tags are about single words; `O` is no tag.
        names: the names of tags by what stands for them in the data, such as ids.
        label_set: all tags; inferred from the training split if absent.
        label_smoothing: the share of the target probability that is spread over all tags.
    """

    not_keys: ClassVar[frozenset[str]] = Task.not_keys | {"text", "text_pair", "instruction"}
    kind: ClassVar[str] = "tagging"
    kind_metrics: ClassVar[tuple[str, ...]] = ("f1_span", "accuracy")

    words: str = "words"
    tags: str = "tags"
    names: Names = None
    label_set: TagSet = None
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    primary: str = "f1_span"

    @model_validator(mode="before")
    @classmethod
    def _words_are_the_text(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        words = values.get("words", values.get("text", "words"))
        if values.get("text", words) != words:
            raise ValueError(f"'text' and 'words' name the same field; found {values['text']!r} and {words!r}")
        return {**values, "words": words, "text": words}

    @field_validator("label_set")
    @classmethod
    def _differ(cls, label_set: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if label_set is not None and len(label_set) < 2:
            raise ValueError("a tagging task needs two tags or more")
        return label_set

    @field_validator("text_pair", "instruction")
    @classmethod
    def _none(cls, value: Any) -> Any:
        if value:
            raise ValueError("a tagging task reads one text without an instruction")
        return value

    @property
    def target_fields(self) -> tuple[str, ...]:
        return (self.tags,)

    def as_mapping(self) -> dict[str, Any]:
        return {key: value for key, value in super().as_mapping().items() if key != "text"}
