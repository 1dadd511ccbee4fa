"""The metrics of question answering tasks, by the rules of SQuAD's official evaluation (Rajpurkar et al. 2016, 2018).

Targets are tuples of answers `[rows]`; one with an empty text means that there is no answer. Predictions are texts,
empty where no answer was found.
"""

import re
import string
from abc import abstractmethod
from collections import Counter

import numpy as np

from tfmtl.metrics.metric import MeanMetric

MEASURES = "answers"

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized(text: str) -> str:
    """Returns a text in lower case, without ASCII punctuation, English articles and superfluous white space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


class _BestAnswer(MeanMetric):
    """The base class of metrics that compare a prediction with each true answer and keep the best score.

    As in SQuAD 2.0, answers of which nothing is left when they are normalised do not count; if no other one is left,
    there is no answer.
    """

    measures = MEASURES

    def per_example(self, targets, predictions) -> np.ndarray:
        return np.array([self._best(true, said) for true, said in zip(targets, predictions, strict=True)], np.float64)

    def _best(self, true, said: str) -> float:
        wanted = [text for text, _ in true if normalized(text)] or [""]
        return max(self.score(normalized(text), normalized(said)) for text in wanted)

    @abstractmethod
    def score(self, true: str, said: str) -> float:
        """Returns the score of a prediction against one true answer, both normalised."""


class AnswerF1(_BestAnswer):
    """The F1 of the words that a prediction has in common with a true answer, averaged over rows."""

    def score(self, true, said):
        wanted, found = true.split(), said.split()
        if not wanted or not found:
            return float(wanted == found)
        return 2.0 * (Counter(wanted) & Counter(found)).total() / (len(wanted) + len(found))


class ExactMatch(_BestAnswer):
    """The share of rows whose prediction is one of the true answers."""

    def score(self, true, said):
        return float(true == said)


METRICS = {"f1": AnswerF1, "exact_match": ExactMatch}
"""The metrics, by the names under which a task reports them."""
