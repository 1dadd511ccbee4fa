"""A text with gaps, and what stood in them: a task that needs no labels."""

from tfmtl.kinds.denoising.options import Denoising

__all__ = ["Denoising"]
