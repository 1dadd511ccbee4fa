"""Tasks that predict one number for a text or a pair of texts."""

from tfmtl.kinds.regression.kind import RegressionKind

__all__ = ["RegressionKind"]
