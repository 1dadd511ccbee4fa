import numpy as np
import pytest

from tfmtl.data.streams import Examples
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.reports.linear_baselines import LabelledTexts, labelled_texts, linear_answers, one_hot, pooled_answers


def classes_of(answers):
    return {name: found.argmax(axis=1).tolist() for name, found in answers.items()}


def test_linear_models_learn_words():
    train = ["good film", "great film", "bad film", "awful film"]
    texts = LabelledTexts(train, np.array([1, 1, 0, 0]), ["a great one", "an awful one"])
    answers = linear_answers(Classification(name="polarity", source="films", labels=("bad", "good")), texts)
    assert classes_of(answers) == {"naive_bayes": [1, 0], "linear_svm": [1, 0]}
    assert answers["linear_svm"] == pytest.approx(np.array([[0.0, 1.0], [1.0, 0.0]]))


def test_a_linear_model_gives_numbers():
    texts = LabelledTexts(["good film", "bad film"] * 4, np.array([3.0, -1.0] * 4), ["good film", "bad film", "film"])
    answers = linear_answers(Regression(name="stars", source="films"), texts)
    assert list(answers) == ["linear_svm"]
    # With C = 1 and one word that tells, eight rows pull the loss without slack almost to the targets.
    assert answers["linear_svm"] == pytest.approx([3.0, -1.0, 1.0], abs=0.7)


def test_of_one_class_there_is_nothing_to_learn():
    texts = LabelledTexts(["good film", "bad film"], np.array([1, 1]), ["good film"])
    assert linear_answers(Classification(name="polarity", source="films", labels=("bad", "good")), texts) == {}


def test_tasks_without_a_value_have_no_linear_model():
    assert linear_answers(Summarization(name="summary", source="films"), LabelledTexts([], np.array([]), [])) == {}


def test_rows_without_a_target_are_not_learned():
    task = Classification(name="polarity", source="films", labels=("bad", "good"))
    targets = {"polarity": np.array([1, -1, 0])}
    train = Examples(np.array(["a  b", "c", "d"], object), np.array(["e", "f", " g"], object), targets)
    texts = labelled_texts(task, train, train)
    assert texts.train_texts == ["a b e", "d g"] and texts.train_targets.tolist() == [1, 0]
    assert texts.texts == ["a b e", "c f", "d g"]


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
