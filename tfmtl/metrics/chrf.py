"""chrF (Popović 2015): the overlap of a text with its reference in sequences of one to six characters.

It needs no words, so that it measures texts of any script. The value is that of sacrebleu for all rows together.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from sacrebleu.metrics import CHRF

from tfmtl.core.registry import METRICS
from tfmtl.metrics.metric import Metric
from tfmtl.metrics.references import by_position

_ORDERS = range(1, CHRF.CHAR_ORDER + 1)
_RECALL_WEIGHT = CHRF.BETA**2
"""The weight of the recall in the F-measure."""


@METRICS.register("chrf")
class ChrF(Metric):
    """F-measure of sequences of up to six characters, in which recall counts four times (chrF).

    The value comes from sacrebleu. `of_samples` applies the same formula to the counts of many samples at once.
    """

    measures = "texts"

    def tokenization(self, targets: Sequence[Sequence[str]]) -> str:
        return "characters"

    def __call__(self, targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> float:
        return CHRF().corpus_score(list(predictions), by_position(targets)).score / 100

    def of_samples(
        self, targets: Sequence[Sequence[str]], predictions: Sequence[str], samples: np.ndarray
    ) -> np.ndarray:
        counts = np.array([_counts(*row) for row in zip(predictions, targets, strict=True)], np.int64)
        return np.array([_f_measure(counts[rows].sum(axis=0)) for rows in samples])


def _counts(prediction: str, references: Sequence[str]) -> np.ndarray:
    """Returns the counts of a text and of the reference that fits it best, int `[orders, 3]`.

    The counts of an order are those of its sequences in the text, in the reference, and in both; an order that the
    reference is too short for counts nothing of the text.
    """
    written, best = _sequences(prediction), []
    for reference in filter(None, references):
        given = _sequences(reference)
        counts = np.array(
            [
                (of_text.total() if of_reference else 0, of_reference.total(), (of_text & of_reference).total())
                for of_text, of_reference in zip(written, given, strict=True)
            ]
        )
        if not len(best) or _f_measure(counts) > _f_measure(best):
            best = counts
    return best if len(best) else np.zeros([len(_ORDERS), 3], int)


def _sequences(text: str) -> list[Counter]:
    """Returns how often each sequence of each order occurs; white space does not count."""
    text = "".join(text.split())
    return [Counter(text[start : start + order] for start in range(len(text) - order + 1)) for order in _ORDERS]


def _f_measure(counts: np.ndarray) -> float:
    """Returns the F-measure of the mean precision and the mean recall of all orders that both texts have."""
    written, given, both = counts[(counts[:, 0] > 0) & (counts[:, 1] > 0)].T
    if not both.sum():
        return 0.0
    precision, recall = (both / written).mean(), (both / given).mean()
    return (1 + _RECALL_WEIGHT) * precision * recall / (_RECALL_WEIGHT * precision + recall)
