import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF

from tfmtl.metrics.chrf import ChrF

SCRIPTS = ["abc d", "абв г", "退款问 题", "नमस् ते", "สวัส ดี"]
TEXTS = st.one_of([st.text(alphabet=script, max_size=12) for script in SCRIPTS])
ROWS = st.lists(st.tuples(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=3), TEXTS), min_size=1, max_size=6)


def test_it_is_computed_by_hand_for_one_character_each():
    # Of orders 1 and 2: "ab" and "ac" have one of two characters, and none of one pair. Longer ones are in neither.
    assert ChrF()([("ab",)], ["ac"]) == pytest.approx(0.25)
    # White space does not count; equal texts of any script score 1, without a letter in common 0.
    assert ChrF()([("退款 问题",)], ["退款问题"]) == ChrF()([("Заказ отменён",)], ["Заказ отменён"]) == 1.0
    assert ChrF()([("退款",)], ["ab"]) == ChrF()([("退款",)], [""]) == 0.0


@given(ROWS, st.integers(0, 100))
def test_samples_score_what_sacrebleu_scores(rows, seed):
    targets, predictions = [tuple(references) for references, _ in rows], [prediction for _, prediction in rows]
    samples = np.random.default_rng(seed).integers(len(rows), size=(3, len(rows)))
    found = ChrF().of_samples(targets, predictions, samples)
    for sample, score in zip(samples, found, strict=True):
        most = max(len(targets[row]) for row in sample)
        columns = [[(*targets[row], *[None] * most)[k] for row in sample] for k in range(most)]
        expected = CHRF().corpus_score([predictions[row] for row in sample], columns).score / 100
        assert score == pytest.approx(expected, abs=1e-9)
    whole = ChrF().of_samples(targets, predictions, np.arange(len(rows))[None])
    assert ChrF()(targets, predictions) == pytest.approx(whole[0], abs=1e-9)
