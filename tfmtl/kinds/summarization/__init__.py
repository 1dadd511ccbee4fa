"""A short text that says what a long one says."""

from tfmtl.kinds.summarization.kind import SummarizationKind

__all__ = ["SummarizationKind"]
