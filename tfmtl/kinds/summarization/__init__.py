"""Tasks that write a short text with the content of a long one."""

from tfmtl.kinds.summarization.kind import SummarizationKind

__all__ = ["SummarizationKind"]
