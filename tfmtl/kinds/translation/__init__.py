"""Tasks that write a text in another language."""

from tfmtl.kinds.translation.kind import TranslationKind

__all__ = ["TranslationKind"]
