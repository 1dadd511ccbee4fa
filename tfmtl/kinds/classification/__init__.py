"""One label out of a fixed set."""

from tfmtl.kinds.classification.options import Classification

__all__ = ["Classification"]
