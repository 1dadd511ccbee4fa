"""Tasks that give each word of a text a tag, such as the slots of an utterance."""

from tfmtl.kinds.tagging.kind import TaggingKind

__all__ = ["TaggingKind"]
