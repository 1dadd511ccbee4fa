"""The options of a regression task."""

from typing import ClassVar

from tfmtl.kinds.task import Task


class Regression(Task):
    """One number for a text or a pair of texts.

    Attributes:
        target: the field that contains the number.
    """

    kind: ClassVar[str] = "regression"
    kind_metrics: ClassVar[tuple[str, ...]] = ("pearson", "spearman")

    target: str = "score"
    primary: str = "spearman"

    @property
    def target_fields(self) -> tuple[str, ...]:
        return (self.target,)
