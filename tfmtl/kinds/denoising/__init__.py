"""A text with gaps, and what was in them: a task that needs no labels."""

from tfmtl.kinds.denoising.kind import DenoisingKind

__all__ = ["DenoisingKind"]
