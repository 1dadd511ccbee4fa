"""Tasks that find the answer to a question in a text, or say that it has none."""

from tfmtl.kinds.question_answering.kind import QuestionAnsweringKind

__all__ = ["QuestionAnsweringKind"]
