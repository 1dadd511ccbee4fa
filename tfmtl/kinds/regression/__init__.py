"""One number, of a text or of a pair of texts."""

from tfmtl.kinds.regression.kind import RegressionKind

__all__ = ["RegressionKind"]
