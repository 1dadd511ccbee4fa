"""Any number of labels out of a fixed set, of a text or of a pair of texts."""

from tfmtl.kinds.multi_label.kind import MultiLabelKind

__all__ = ["MultiLabelKind"]
