"""ROUGE (Lin 2004): how many words, word pairs or ordered words a summary shares with its reference.

The scores are those of `rouge_score` with its Porter stemmer: F-measures, of the reference that gives the best one by
that measure where there are several. Its tokenizer lower-cases and keeps the letters a-z and digits alone.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import ClassVar

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from tfmtl.core.registry import METRICS
from tfmtl.metrics.metric import MeanMetric
from tfmtl.metrics.sentences import split_sentences

MEASURES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


class Rouge(MeanMetric):
    """One of the four measures; they share one scoring of the same texts.

    Attributes:
        measure: its name in `rouge_score`.
    """

    measures = "texts"
    measure: ClassVar[str]

    def per_example(self, targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> np.ndarray:
        return _scores(tuple(map(tuple, targets)), tuple(predictions))[:, MEASURES.index(self.measure)]


@METRICS.register("rouge1")
class Rouge1(Rouge):
    """F-measure of single words (ROUGE-1)."""

    measure = "rouge1"


@METRICS.register("rouge2")
class Rouge2(Rouge):
    """F-measure of word pairs (ROUGE-2)."""

    measure = "rouge2"


@METRICS.register("rougeL")
class RougeL(Rouge):
    """F-measure of the longest common subsequence of the whole texts (ROUGE-L)."""

    measure = "rougeL"


@METRICS.register("rougeLsum")
class RougeLsum(Rouge):
    """F-measure of the longest common subsequences of each pair of sentences, united (summary-level ROUGE-L)."""

    measure = "rougeLsum"


@lru_cache(maxsize=1)
def _scores(targets: tuple[tuple[str, ...], ...], predictions: tuple[str, ...]) -> np.ndarray:
    """Returns the F-measures `[rows, measures]`; the last batch is kept for the other measures of the same task."""
    rows = zip(targets, predictions, strict=True)
    return np.array([_row_scores(references, prediction) for references, prediction in rows])


def _row_scores(references: tuple[str, ...], prediction: str) -> list[float]:
    # The scorer takes a line for a sentence, in rougeLsum alone; the other measures do not see white space.
    best = _scorer().score_multi([_lines(reference) for reference in references], _lines(prediction))
    return [best[measure].fmeasure for measure in MEASURES]


def _lines(text: str) -> str:
    return "\n".join(split_sentences(text))


@cache
def _scorer() -> RougeScorer:
    return RougeScorer(list(MEASURES), use_stemmer=True)
