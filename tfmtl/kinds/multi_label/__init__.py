"""Tasks that choose any number of labels from a fixed set, for a text or a pair of texts."""

from tfmtl.kinds.multi_label.kind import MultiLabelKind

__all__ = ["MultiLabelKind"]
