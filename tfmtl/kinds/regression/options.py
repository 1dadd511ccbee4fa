"""The options of a regression task."""

from typing import ClassVar

from tfmtl.kinds.task import Task


class Regression(Task):
    """One number, of a text or of a pair of texts.

    Attributes:
        target: the field that holds the number.
    """

    kind: ClassVar[str] = "regression"
    kind_metrics: ClassVar[tuple[str, ...]] = ("pearson", "spearman")

    target: str = "score"
    primary: str = "spearman"

    @property
    def target_fields(self) -> tuple[str, ...]:
        return (self.target,)
