"""BLEU (Papineni et al. 2002): the precision of a text in sequences of one to four words of its references.

The value is that of sacrebleu for all rows together, as a fraction. Words are those of its tokenizer `13a`, which
splits at spaces and punctuation; for references in scripts without spaces between words, they are those of `zh`
(Chinese) or single characters, as sacrebleu recommends.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from sacrebleu.metrics import BLEU

from tfmtl.core.registry import METRICS
from tfmtl.metrics.metric import Metric
from tfmtl.metrics.references import by_position
from tfmtl.metrics.words import spacing_of

_WORDS = {"spaced": "13a", "chinese": "zh", "unspaced": "char"}
"""The tokenizer of sacrebleu for references, by the spacing of their words."""


@METRICS.register("bleu")
class Bleu(Metric):
    """Precision of sequences of up to four words, with a penalty for texts that are too short (BLEU).

    The value comes from sacrebleu. `of_samples` adds up the counts that sacrebleu finds in each row.
    """

    measures = "texts"

    def tokenization(self, targets: Sequence[Sequence[str]]) -> str:
        return _WORDS[spacing_of(chain.from_iterable(targets))]

    def __call__(self, targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> float:
        # `force` drops a warning about texts that end in " .", and changes nothing else.
        scorer = BLEU(tokenize=self.tokenization(targets), force=True)
        return scorer.corpus_score(list(predictions), by_position(targets)).score / 100

    def of_samples(
        self, targets: Sequence[Sequence[str]], predictions: Sequence[str], samples: np.ndarray
    ) -> np.ndarray:
        scorer = BLEU(tokenize=self.tokenization(targets), force=True, effective_order=True)
        scored = [scorer.sentence_score(text, list(row)) for row, text in zip(targets, predictions, strict=True)]
        counts = np.array([[*row.counts, *row.totals, row.sys_len, row.ref_len] for row in scored], np.int64)
        return np.array([_of_counts(counts[rows].sum(axis=0)) for rows in samples])


def _of_counts(counts: np.ndarray) -> float:
    """Returns the value for the sums of what sacrebleu counts in each row, int `[2 * orders + 2]`."""
    *of_sequences, written, given = counts.tolist()
    orders = len(of_sequences) // 2
    found = BLEU.compute_bleu(of_sequences[:orders], of_sequences[orders:], written, given, smooth_method="exp")
    return found.score / 100
