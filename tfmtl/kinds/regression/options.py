"""One number."""

from typing import ClassVar

from tfmtl.core.registry import KINDS
from tfmtl.kinds.task import Task


@KINDS.register("regression")
class Regression(Task):
    """One number, of a text or of a pair of texts.

    Attributes:
        target: the field that holds the number.
    """

    kind: ClassVar[str] = "regression"
    kind_metrics: ClassVar[tuple[str, ...]] = ("pearson", "spearman")

    target: str = "score"
    primary: str = "spearman"
