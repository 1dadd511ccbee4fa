"""The options of a question answering task."""

from typing import Any, ClassVar

from pydantic import Field, field_validator

from tfmtl.kinds.task import Fields, Task


class QuestionAnswering(Task):
    """The part of a text that answers a question, or none if the text does not answer it.

    Attributes:
        text: the field with the question.
        text_pair: the field with the text that may answer it, the context, or several fields.
        answers: the field with the true answers: a list of objects with `text` and `start`, its offset in the context
            in characters, or an object with lists `text` and `answer_start`, as in SQuAD. An empty list means that the
            context does not answer the question; a missing value means that the row has no target. Training reads the
            first answer.
        longest: the maximum length of a predicted answer in words, where every sign counts as a word.
    """

    not_keys: ClassVar[frozenset[str]] = Task.not_keys | {"instruction"}
    kind: ClassVar[str] = "question_answering"
    kind_metrics: ClassVar[tuple[str, ...]] = ("f1", "exact_match")

    text_pair: Fields = "text_pair"
    answers: str = "answers"
    longest: int = Field(30, ge=1)
    primary: str = "f1"

    @field_validator("instruction")
    @classmethod
    def _none(cls, value: Any) -> Any:
        if value:
            raise ValueError("the question is the instruction of a question answering task")
        return value

    @property
    def target_fields(self) -> tuple[str, ...]:
        return (self.answers,)
