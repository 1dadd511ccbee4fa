import numpy as np
import pytest

from tests.kinds.made_up import examples, predicted
from tfmtl.data.columns import is_present
from tfmtl.kinds.classification.baselines import baselines, pooled_baselines
from tfmtl.kinds.classification.options import Classification
from tfmtl.metrics.scoring import quick_scores

POLARITY = Classification(name="polarity", source="films", labels=("bad", "good"))


def classes_of(predictions):
    return {name: found.argmax(axis=1).tolist() for name, found in predictions.items()}


def test_majority_is_the_most_frequent_label_of_train():
    task = Classification(name="a", source="s", labels=("x", "y", "z"))
    train = examples(task, ["tt"] * 6, np.int32([1, 1, 0, -1, -1, -1]))
    train = train.take(is_present(train.targets["a"]))
    asked = examples(task, ["t"] * 4, np.int32([1, 1, 1, 0]))
    found = quick_scores(task, asked.targets["a"], baselines(task, train, asked)["majority"]["probabilities"])
    assert found["accuracy"] == 0.75
    # F1 of y: 3 hits of 3 + 4 occurrences; of x: none; z is nowhere.
    assert found["f1_macro"] == pytest.approx((6 / 7 + 0) / 2)
    assert found["matthews"] == 0.0


def test_answers_are_those_that_are_scored():
    task = Classification(name="a", source="s", labels=("x", "y"))
    train = examples(task, ["t"] * 2, np.int32([1, 1]))
    (answer,) = baselines(task, train, examples(task, ["t"] * 3, np.int32([0] * 3))).values()
    assert answer["probabilities"].tolist() == [[0.0, 1.0]] * 3
    assert answer["label"].tolist() == ["y"] * 3


def test_linear_models_learn_words():
    train = examples(POLARITY, ["good film", "great film", "bad film", "awful film"], np.int32([1, 1, 0, 0]))
    found = predicted(POLARITY, train, examples(POLARITY, ["a great one", "an awful one"], np.int32([-1, -1])))
    assert list(found) == ["majority", "naive_bayes", "linear_svm"]
    classes = classes_of(found)
    assert (classes["naive_bayes"], classes["linear_svm"]) == ([1, 0], [1, 0])
    assert found["linear_svm"] == pytest.approx(np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert found["linear_svm"].dtype == np.float32


@pytest.mark.parametrize("pairs", [None, ["good film", "film"]])
def test_of_one_class_there_is_nothing_to_learn(pairs):
    train = examples(POLARITY, ["good film", "bad film"], np.int32([1, 1]), pairs)
    assert list(predicted(POLARITY, train, train)) == ["majority"]


FIRST = ["red car", "blue bird", "red car", "red car", "blue bird"]
SECOND = ["red car", "blue bird", "blue bird", "red bird", "blue car"]


def test_a_class_is_what_the_cosine_says():
    task = Classification(name="alike", source="pairs", text_pair="second", labels=("no", "yes"))
    train = examples(task, FIRST * 25, np.int32([1, 1, 0, 0, 0] * 25), SECOND * 25)
    asked = examples(task, ["car bird", "red blue"], np.int32([-1, -1]), ["bird car", "car bird"])
    assert predicted(task, train, asked)["cosine"].tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_single_texts_have_no_cosine():
    train = examples(POLARITY, ["red car", "blue bird"], np.int32([1, 0]))
    assert "cosine" not in predicted(POLARITY, train, train)


def domain(name, texts, targets):
    """A task of films, phones or the like, with rows of train and three that are asked."""
    task = Classification(name=name, source=name, labels=("bad", "good"))
    asked = examples(task, ["small", "large", "fresh"], np.int32([-1] * 3))
    return task, examples(task, texts, np.int32(targets)), asked


@pytest.fixture
def domains():
    """`fresh` is good everywhere; `small` is good of phones and bad of rooms."""
    phones = ["small fresh", "small", "large", "large stale", "small case", "large case"]
    rooms = ["large view", "large", "small", "small view", "large door", "small door"]
    return {
        "phones": domain("phones", phones, [1, 1, 0, 0, 1, 0]),
        "rooms": domain("rooms", rooms, [1, 1, 0, 0, 1, 0]),
    }


def probabilities(answers):
    return {
        system: {name: answer["probabilities"] for name, answer in of_tasks.items()}
        for system, of_tasks in answers.items()
    }


def test_pooled_models_learn_from_each_other(domains):
    answers = probabilities(pooled_baselines(domains))
    assert list(answers) == ["linear_svm_pooled", "linear_svm_augmented"]
    # What was learned of phones holds for rooms.
    assert answers["linear_svm_pooled"]["rooms"][2].tolist() == [0.0, 1.0]
    pooled = answers["linear_svm_pooled"]
    assert np.array_equal(pooled["phones"], pooled["rooms"])


def test_augmented_models_also_tell_domains_apart(domains):
    answers = probabilities(pooled_baselines(domains))["linear_svm_augmented"]
    assert classes_of(answers) == {"phones": [1, 0, 1], "rooms": [0, 1, 1]}


def test_a_domain_of_one_class_is_left_out_and_one_domain_alone_is_not_pooled(domains):
    more = {**domains, "single": domain("single", ["small", "large"], [1, 1])}
    assert list(pooled_baselines(more)["linear_svm_pooled"]) == ["phones", "rooms"]
    assert pooled_baselines({"rooms": domains["rooms"], "single": more["single"]}) == {}


def test_a_system_that_knows_no_probabilities_is_certain():
    task = Classification(name="a", source="s", labels=("x", "y", "z"))
    train = examples(task, ["tt"] * 3, np.int32([2, 2, 0]))
    answer = baselines(task, train, examples(task, ["t"] * 2, np.int32([0, 0])))["majority"]
    assert answer["probabilities"].tolist() == [[0.0, 0.0, 1.0]] * 2
    assert answer["label"].tolist() == ["z", "z"]
