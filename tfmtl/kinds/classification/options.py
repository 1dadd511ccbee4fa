"""One label out of a fixed set."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from tfmtl.core.registry import KINDS
from tfmtl.kinds.task import Task


@KINDS.register("classification")
class Classification(Task):
    """One label out of a fixed set, of a text or of a pair of texts.

    Attributes:
        label: the field that holds the label.
        labels: the label set, in the order of the probabilities; inferred from train where absent.
        label_smoothing: the share of the target probability spread over all classes.
        class_weights: `balanced` weighs each class by the inverse of its share of train, normalised to a mean of one
            over the rows of train; or a weight for each label.
    """

    kind: ClassVar[str] = "classification"
    kind_metrics: ClassVar[tuple[str, ...]] = ("accuracy", "f1_macro", "matthews")

    label: str = "label"
    labels: tuple[str, ...] | None = None
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(ge=0.0, allow_inf_nan=False)]] | None = None
    primary: str = "accuracy"

    @field_validator("labels", mode="before")
    @classmethod
    def _as_text(cls, labels: Any) -> Any:
        """YAML reads `[0, 1]` as numbers and `[true, false]` as booleans; a label is what stands in the data."""
        if not isinstance(labels, list | tuple):
            return labels
        return tuple(str(label).lower() if isinstance(label, bool) else str(label).strip() for label in labels)

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
        twice = next((label for label in labels or () if labels.count(label) > 1), None)
        if twice is not None:
            raise ValueError(f"the label '{twice}' stands there twice")
        if labels and "" in labels:
            raise ValueError("a label is empty")
        return labels

    @property
    def target(self) -> str:
        return self.label
