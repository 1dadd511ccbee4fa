"""ROUGE (Lin 2004): the overlap of a summary with its reference in words, word pairs or sequences of words.

The scores are the F-measures of `rouge_score`. If there are several references, the one with the best F-measure counts,
separately for each measure. Texts are compared in the words of `rouge_score`, which lower-cases, keeps only the letters
a-z and digits, and stems; or in words of any script, if the references have other letters (`tfmtl.metrics.words`).
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import ClassVar

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from tfmtl.core.registry import METRICS
from tfmtl.metrics.metric import MeanMetric
from tfmtl.metrics.sentences import split_sentences
from tfmtl.metrics.words import tokenizer, words_of

MEASURES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


class Rouge(MeanMetric):
    """The base class of the four measures, which are computed together for the same texts.

    Attributes:
        measure: the name of the measure in `rouge_score`.
    """

    measures = "texts"
    measure: ClassVar[str]

    def per_example(self, targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> np.ndarray:
        return _scores(tuple(map(tuple, targets)), tuple(predictions))[:, MEASURES.index(self.measure)]

    def tokenization(self, targets: Sequence[Sequence[str]]) -> str:
        return words_of(chain.from_iterable(targets))


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
    """F-measure of the union of the longest common subsequences of all sentence pairs (summary-level ROUGE-L)."""

    measure = "rougeLsum"


@lru_cache(maxsize=1)
def _scores(targets: tuple[tuple[str, ...], ...], predictions: tuple[str, ...]) -> np.ndarray:
    """Returns the F-measures `[rows, measures]`; the last result is cached for the other measures of the same task."""
    scorer = _scorer(words_of(chain.from_iterable(targets)))
    rows = zip(targets, predictions, strict=True)
    return np.array([_row_scores(scorer, references, prediction) for references, prediction in rows])


def _row_scores(scorer: RougeScorer, references: tuple[str, ...], prediction: str) -> list[float]:
    # For rougeLsum, the scorer treats each line as a sentence; the other measures ignore white space.
    best = scorer.score_multi([_lines(reference) for reference in references], _lines(prediction))
    return [best[measure].fmeasure for measure in MEASURES]


def _lines(text: str) -> str:
    return "\n".join(split_sentences(text))


@cache
def _scorer(words: str) -> RougeScorer:
    # The scorer's own choice of the same tokenizer is logged by absl, which then sets up the root logger.
    return RougeScorer(list(MEASURES), tokenizer=tokenizer(words))
