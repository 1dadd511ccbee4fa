import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer

from tfmtl.metrics import rouge
from tfmtl.metrics.sentences import split_sentences

ALL = (rouge.Rouge1(), rouge.Rouge2(), rouge.RougeL(), rouge.RougeLsum())


def f_measure(hits, reference, prediction):
    return 2 * hits / (reference + prediction)


def test_two_short_sentences():
    # Reference 6 words, prediction 5. Shared words: the, cat, the, mat; pairs: "the cat", "the mat";
    # the longest common subsequence: the cat ... the mat.
    scores = [metric([("the cat sat on the mat",)], ["the cat near the mat"]) for metric in ALL]
    expected = [f_measure(4, 6, 5), f_measure(2, 5, 4), f_measure(4, 6, 5), f_measure(4, 6, 5)]
    assert scores == pytest.approx(expected)


def test_words_are_stemmed_and_lower_cased():
    assert rouge.Rouge1()([("Training models",)], ["trained model"]) == pytest.approx(1.0)


def test_sentences_may_come_in_another_order_for_rouge_lsum_alone():
    reference, prediction = "Dogs bark loud. Cats purr soft.", "Cats purr soft. Dogs bark loud."
    assert rouge.RougeLsum()([(reference,)], [prediction]) == pytest.approx(1.0)
    assert rouge.RougeL()([(reference,)], [prediction]) == pytest.approx(f_measure(3, 6, 6))


def test_the_best_reference_of_each_measure_counts():
    references = ("b a", "a b c d e f")
    # Words: 2 of 2 beside 2 of 6; pairs: none beside "a b".
    assert rouge.Rouge1()([references], ["a b"]) == pytest.approx(1.0)
    assert rouge.Rouge2()([references], ["a b"]) == pytest.approx(f_measure(1, 5, 1))


def test_an_empty_summary_scores_zero():
    assert [metric([("a b",)], [""]) for metric in ALL] == [0.0] * 4


def test_per_example_scores_each_row():
    scores = rouge.Rouge1().per_example([("a b",), ("c d",)], ["a b", "c x"])
    np.testing.assert_allclose(scores, [1.0, 0.5])


def test_the_four_measures_share_one_pass(monkeypatch):
    seen = []
    score = rouge._row_scores
    monkeypatch.setattr(rouge, "_row_scores", lambda *row: seen.append(row) or score(*row))
    rows = [("one pass",), ("for all",)], ["one", "for"]
    for metric in ALL:
        metric(*rows)
        metric.replicates(*rows, 5, np.random.default_rng(0))
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("reference", "prediction", "expected"),
    [
        ("退款问题", "退款问题", 1.0),
        ("退款问题", "地址问题", 0.5),
        ("Заказ отменён", "Заказ отменён", 1.0),
        ("Заказ 12 отменён", "Счёт 12 оплачен", 1 / 3),
        ("été à Noël", "âtâ ô Noïl", 0.0),
        ("ที่ดี", "ที่ดี", 1.0),
    ],
)
def test_words_of_any_script_count(reference, prediction, expected):
    assert rouge.Rouge1()([(reference,)], [prediction]) == pytest.approx(expected)


def test_english_texts_have_the_scores_of_rouge_score_s_own_tokenizer():
    rows = [("The café's trained models!", "a naïve model"), ("Dogs bark. Cats purr, " * 40, "cats and dogs bark")]
    plain = RougeScorer(list(rouge.MEASURES), use_stemmer=True)
    for metric in ALL:
        found = metric.per_example([(reference,) for reference, _ in rows], [text for _, text in rows])
        lines = [["\n".join(split_sentences(text)) for text in row] for row in rows]
        expected = [plain.score(*row)[metric.measure].fmeasure for row in lines]
        assert found.tolist() == expected
    assert rouge.RougeL().tokenization([("plain words",)]) == "rouge_score"
    assert rouge.RougeL().tokenization([("退款",)]) == "unicode"
