"""Tasks that choose one label from a fixed set, for a text or a pair of texts."""

from tfmtl.kinds.classification.kind import ClassificationKind

__all__ = ["ClassificationKind"]
