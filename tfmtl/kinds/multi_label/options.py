"""The options of a multi-label task."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from tfmtl.core.values import as_written
from tfmtl.kinds.labels import ClassWeights, Names, TopK, as_number, configured_labels, distinct_labels
from tfmtl.kinds.task import Task


def _by_label(thresholds: Any) -> Any:
    """Returns configured thresholds with their labels as texts; YAML reads numbers and booleans as such."""
    if thresholds is None:
        return None
    if not isinstance(thresholds, Mapping):
        if not 0.0 <= as_number(thresholds) <= 1.0:
            raise ValueError(_EXPECTED)
        return thresholds
    by_label = {as_written(label).strip(): threshold for label, threshold in thresholds.items()}
    if not by_label or len(by_label) < len(thresholds):
        raise ValueError(_EXPECTED)
    for label, threshold in by_label.items():
        if not 0.0 <= as_number(threshold) <= 1.0:
            raise ValueError(f"the threshold of '{label}' is not a probability: {threshold!r}")
    return by_label


_EXPECTED = "expected a probability, or one for each of some labels such as {label: 0.3}"


Thresholds = Annotated[float | dict[str, float] | None, BeforeValidator(_by_label)]
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
        thresholds: the probability from which on a label is selected, for all labels or by label; those that are not
            given are chosen on the validation split.
        top_k: the number of labels, the most probable ones, whose probabilities an answer holds; all if absent.
    """

    kind: ClassVar[str] = "multi_label"
    free_keys: ClassVar[frozenset[str]] = frozenset({"top_k"})
    kind_metrics: ClassVar[tuple[str, ...]] = ("f1_micro", "f1_macro", "average_precision", "subset_accuracy")

    labels: str = "labels"
    separator: str = Field(";", min_length=1)
    names: Names = None
    label_set: LabelSet = None
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    class_weights: ClassWeights = None
    thresholds: Thresholds = None
    top_k: TopK = None
    primary: str = "f1_micro"

    @property
    def target_fields(self) -> tuple[str, ...]:
        return (self.labels,)
