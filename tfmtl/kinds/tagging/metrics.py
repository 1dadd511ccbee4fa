"""The metrics of tagging tasks.

Targets are the tags of each text, tuples `[rows]`. Predictions are the tags of its words, an object array
`[rows, words]` that is padded with "".
"""

from abc import abstractmethod

import numpy as np

from tfmtl.kinds.tagging.spans import spans_of
from tfmtl.metrics.metric import Metric

MEASURES = "tags"


class _Ratio(Metric):
    """The base class of metrics that divide one sum of counts over all rows by another."""

    measures = MEASURES

    def __call__(self, targets, predictions) -> float:
        return float(self.of_samples(targets, predictions, np.arange(len(targets))[None])[0])

    def of_samples(self, targets, predictions, samples: np.ndarray) -> np.ndarray:
        pairs = zip(targets, predictions, strict=True)
        counts = np.array([self.counts(true, said[: len(true)].tolist()) for true, said in pairs], np.float64)
        above, below = counts[samples].sum(axis=1).T
        return np.divide(above, below, out=np.zeros(len(samples)), where=below > 0)

    @abstractmethod
    def counts(self, true: tuple[str, ...], predicted: list[str]) -> tuple[float, float]:
        """Returns the part of one row in the sum that is divided, and in that by which it is divided."""


class SpanF1(_Ratio):
    """The micro-averaged F1 of spans, which are right if their label and all their words are.

    It is that of `conlleval` and of seqeval's default mode; see `tfmtl.kinds.tagging.spans`. It is 0 if there is no
    span, neither true nor predicted.
    """

    def counts(self, true, predicted):
        wanted, found = set(spans_of(true)), set(spans_of(predicted))
        return 2.0 * len(wanted & found), len(wanted) + len(found)


class WordAccuracy(_Ratio):
    """The share of words with the right tag."""

    def counts(self, true, predicted):
        return sum(one == other for one, other in zip(true, predicted, strict=True)), len(true)


METRICS = {"f1_span": SpanF1, "accuracy": WordAccuracy}
"""The metrics, by the names under which a task reports them."""
