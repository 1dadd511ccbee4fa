"""Tasks that fill the gaps in a text, which need no labels."""

from tfmtl.kinds.denoising.kind import DenoisingKind

__all__ = ["DenoisingKind"]
