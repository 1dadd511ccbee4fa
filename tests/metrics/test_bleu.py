import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU

from tfmtl.metrics.bleu import Bleu

WORDS = ["the", "cat", "sat", "on", "a", "mat", ",", "it", "слон", "été", "1.5", "."]
SPACED = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)
ROWS = st.lists(st.tuples(st.lists(SPACED.filter(str.strip), min_size=1, max_size=3), SPACED), min_size=1, max_size=6)


def by_sacrebleu(targets, predictions, words="13a"):
    most = max(map(len, targets))
    columns = [[(*row, *[None] * most)[k] for row in targets] for k in range(most)]
    return BLEU(tokenize=words).corpus_score(predictions, columns).score / 100


def test_it_is_computed_by_hand():
    # Of the five words 4 are in the reference, of the 4 pairs 3, of the 3 triples 2, of the 2 sequences of four 1.
    expected = (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4)
    assert Bleu()([("a b c d e",)], ["a b c d f"]) == pytest.approx(expected)
    # Half as long as the reference: all that is written is right, the penalty is exp(1 - 8 / 4).
    assert Bleu()([("a b c d e f g h",)], ["a b c d"]) == pytest.approx(math.exp(-1))


def test_the_best_of_several_references_counts_for_each_sequence_of_words():
    targets = [("the cat sat on it", "a cat sat on the mat"), ("it sat on the mat ,",)]
    assert Bleu()(targets, ["a cat sat on the mat", "it sat on the mat ,"]) == pytest.approx(1.0)


@given(ROWS, st.integers(0, 100))
def test_samples_score_what_sacrebleu_scores(rows, seed):
    targets, predictions = [tuple(references) for references, _ in rows], [prediction for _, prediction in rows]
    samples = np.random.default_rng(seed).integers(len(rows), size=(3, len(rows)))
    found = Bleu().of_samples(targets, predictions, samples)
    for sample, score in zip(samples, found, strict=True):
        expected = by_sacrebleu([targets[row] for row in sample], [predictions[row] for row in sample])
        assert score == pytest.approx(expected, abs=1e-9)
    assert Bleu()(targets, predictions) == pytest.approx(by_sacrebleu(targets, predictions), abs=1e-9)


@pytest.mark.parametrize(
    ("reference", "prediction", "words"),
    [
        ("退款问题已经解决", "退款问题没有解决", "zh"),
        ("ประเทศไทยสวยงาม", "ประเทศไทยใหญ่", "char"),
        ("私は東京に住んでいます", "私は京都に住んでいます", "char"),
        ("Заказ номер 12 уже отменён", "Заказ номер 12 не отменён", "13a"),
        ("नमस्ते यह एक किताब है", "नमस्ते यह एक घर है", "13a"),
    ],
)
def test_texts_without_spaces_are_compared_in_characters_and_the_words_are_named(reference, prediction, words):
    assert Bleu().tokenization([(reference,)]) == words
    assert Bleu()([(reference,)], [reference]) == pytest.approx(1.0)
    score = Bleu()([(reference,)], [prediction])
    assert score == pytest.approx(by_sacrebleu([(reference,)], [prediction], words)) and 0.1 < score < 0.9
