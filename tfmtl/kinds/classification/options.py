"""The options of a classification task."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from tfmtl.kinds.labels import ClassWeights, LabelWords, Names, TopK, configured_labels, distinct_labels
from tfmtl.kinds.task import Task


def _two_or_more(labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if labels is not None and len(labels) < 2:
        raise ValueError("a classification needs two labels or more")
    return labels


Labels = Annotated[
    tuple[str, ...] | None,
    BeforeValidator(configured_labels),
    AfterValidator(distinct_labels),
    AfterValidator(_two_or_more),
]


class Classification(Task):
    """One label from a fixed set, for a text or a pair of texts.

    Attributes:
        label: the field that contains the label.
        labels: the label set, in the order of the probabilities; inferred from the training split if absent.
        names: the names of labels by what stands for them in the data, such as ids.
        label_smoothing: the share of the target probability that is spread over all classes.
        class_weights: weights by label, 1 for labels that are left out; or `balanced`, which weights each class by the
            inverse of its share of the training rows, normalised to a mean of one over these rows.
        label_words: whether the task is answered by what a pretrained trunk that continues texts would say, rather than
            by a head; by the labels themselves, or by the words that a mapping has for them.
        top_k: the number of labels, the most probable ones, whose probabilities an answer holds; all if absent.
        abstain_below: the probability of the most probable label below which the answer's label is empty.
    """

    kind: ClassVar[str] = "classification"
    kind_metrics: ClassVar[tuple[str, ...]] = ("accuracy", "f1_macro", "matthews")
    free_keys: ClassVar[frozenset[str]] = frozenset({"top_k", "abstain_below"})

    label: str = "label"
    labels: Labels = None
    names: Names = None
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    class_weights: ClassWeights = None
    label_words: LabelWords = False
    top_k: TopK = None
    abstain_below: float | None = Field(None, gt=0.0, le=1.0)
    primary: str = "accuracy"

    @property
    def target_fields(self) -> tuple[str, ...]:
        return (self.label,)
