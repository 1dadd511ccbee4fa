"""One label out of a fixed set, of a text or of a pair of texts."""

from tfmtl.kinds.classification.kind import ClassificationKind

__all__ = ["ClassificationKind"]
