import numpy as np
import pytest
from tfmtl.reports.baselines import baseline_answers, baselines

from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization


def test_majority_is_the_most_frequent_label_of_train():
    task = Classification(name="a", source="s", labels=("x", "y", "z"))
    found = baselines(task, np.array([1, 1, 0, -1, -1, -1]), ["t"] * 4, np.array([1, 1, 1, 0]))
    assert found["majority"]["accuracy"] == 0.75
    # F1 of y: 3 hits of 3 + 4 occurrences; of x: none; z is nowhere.
    assert found["majority"]["f1_macro"] == pytest.approx((6 / 7 + 0) / 2)
    assert found["majority"]["matthews"] == 0.0


def test_a_constant_number_has_no_correlation():
    found = baselines(Regression(name="a", source="s"), np.array([1.0, np.nan, 2.0]), ["t"] * 2, np.array([1.0, 5.0]))
    assert found == {"mean": {"pearson": 0.0, "spearman": 0.0}}


def test_answers_are_those_that_are_scored():
    task = Classification(name="a", source="s", labels=("x", "y"))
    answers = baseline_answers(task, np.array([1, 1, 0, -1]), ["t"] * 3)
    assert {name: found.tolist() for name, found in answers.items()} == {"majority": [[0.0, 1.0]] * 3}


def test_leads():
    task = Summarization(name="a", source="s")
    # References of train have (1 + 3) / 2 = 2 words.
    found = baselines(task, [("p",), (), ("p q r",)], ["Aa bb cc. Dd ee. Ff gg. Hh."], [("bb cc",)])
    assert {name: scores["rouge1"] for name, scores in found.items()} == pytest.approx(
        {"first_sentence": 2 * 2 / (2 + 3), "first_words": 2 * 1 / (2 + 2), "first_3_sentences": 2 * 2 / (2 + 7)}
    )
