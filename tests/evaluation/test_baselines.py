import numpy as np
import pytest

from tfmtl.evaluation.baselines import baselines, linear_baselines
from tfmtl.tasks.kinds.classification import Classification
from tfmtl.tasks.kinds.regression import Regression
from tfmtl.tasks.kinds.summarization import Summarization


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


def test_leads():
    task = Summarization(name="a", source="s")
    # References of train have (1 + 3) / 2 = 2 words.
    found = baselines(task, [("p",), (), ("p q r",)], ["Aa bb cc. Dd ee. Ff gg. Hh."], [("bb cc",)])
    assert {name: scores["rouge1"] for name, scores in found.items()} == pytest.approx(
        {"first_sentence": 2 * 2 / (2 + 3), "first_words": 2 * 1 / (2 + 2), "first_3_sentences": 2 * 2 / (2 + 7)}
    )


def test_linear_models_learn_words():
    train = ["good film", "great film", "bad film", "awful film", "no target"]
    found = linear_baselines(
        train,
        np.array([1, 1, 0, 0, -1]),
        ["a great one", "an awful one", "bad film"],
        np.array([1, 0, -1]),
        ("no", "yes"),
    )
    assert list(found) == ["naive_bayes", "linear_svm"]
    assert all(scores == {"accuracy": 1.0, "f1_macro": 1.0, "matthews": 1.0} for scores in found.values())
