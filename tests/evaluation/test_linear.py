import numpy as np
import pytest

from tfmtl.evaluation.linear import LabelledTexts, linear_answers, one_hot, pooled_answers


def classes_of(answers):
    return {name: found.argmax(axis=1).tolist() for name, found in answers.items()}


def test_linear_models_learn_words():
    train = ["good film", "great film", "bad film", "awful film"]
    task = LabelledTexts(train, np.array([1, 1, 0, 0]), ["a great one", "an awful one"])
    answers = linear_answers(task, 2)
    assert classes_of(answers) == {"naive_bayes": [1, 0], "linear_svm": [1, 0]}
    assert answers["linear_svm"] == pytest.approx(np.array([[0.0, 1.0], [1.0, 0.0]]))


@pytest.fixture
def domains():
    """`fresh` is good everywhere; `small` is good of phones and bad of rooms."""
    phones = LabelledTexts(
        ["small fresh", "small", "large", "large stale", "small case", "large case"],
        np.array([1, 1, 0, 0, 1, 0]),
        ["small", "large", "fresh"],
    )
    rooms = LabelledTexts(
        ["large view", "large", "small", "small view", "large door", "small door"],
        np.array([1, 1, 0, 0, 1, 0]),
        ["small", "large", "fresh"],
    )
    return {"phones": phones, "rooms": rooms}


def test_pooled_models_learn_from_each_other(domains):
    answers = pooled_answers(domains, 2)
    assert list(answers) == ["linear_svm_pooled", "linear_svm_augmented"]
    # What was learned of phones holds for rooms.
    assert answers["linear_svm_pooled"]["rooms"][2].tolist() == [0.0, 1.0]
    pooled = answers["linear_svm_pooled"]
    assert np.array_equal(pooled["phones"], pooled["rooms"])


def test_augmented_models_also_tell_domains_apart(domains):
    answers = pooled_answers(domains, 2)["linear_svm_augmented"]
    assert classes_of(answers) == {"phones": [1, 0, 1], "rooms": [0, 1, 1]}


def test_one_hot():
    assert one_hot(np.array([2, 0]), 3).tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
