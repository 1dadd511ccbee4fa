"""The options of a multi-label task."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from tfmtl.kinds.labels import ClassWeights, Names, configured_labels, distinct_labels
from tfmtl.kinds.task import Task

LabelSet = Annotated[tuple[str, ...] | None, BeforeValidator(configured_labels), AfterValidator(distinct_labels)]


class MultiLabel(Task):
    """Any number of labels from a fixed set, for a text or a pair of texts.

    Attributes:
        labels: the field that contains the labels: a list, or a text that is split at `separator`. An empty list, or a
            text of separators only, means that no label applies. If the value is missing or an empty text, the row has
            no target.
        separator: the text between two labels.
        names: the names of labels by what stands for them in the data, such as ids.
        label_set: all labels, in the order of the probabilities; inferred from the training split if absent.
        label_smoothing: the fraction by which targets move from 0 and 1 towards one half.
        class_weights: by label, the factor of the loss of rows that have the label, 1 for labels that are left out;
            `balanced` is the number of training rows without the label divided by the number of rows with it.
    """

    kind: ClassVar[str] = "multi_label"
    kind_metrics: ClassVar[tuple[str, ...]] = ("f1_micro", "f1_macro", "average_precision", "subset_accuracy")

    labels: str = "labels"
    separator: str = Field(";", min_length=1)
    names: Names = None
    label_set: LabelSet = None
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    class_weights: ClassWeights = None
    primary: str = "f1_micro"

    @property
    def target_fields(self) -> tuple[str, ...]:
        return (self.labels,)
