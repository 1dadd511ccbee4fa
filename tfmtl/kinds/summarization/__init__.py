"""A short text that says what a long one says."""

from tfmtl.kinds.summarization.options import Summarization

__all__ = ["Summarization"]
