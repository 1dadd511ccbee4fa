import numpy as np
import pytest
from sklearn.svm import LinearSVC

from tests.kinds.made_up import objects
from tfmtl.data.streams import Examples
from tfmtl.reports.linear_baselines import cosines, fitted_predictions, joined, pooled_predictions


def texts(*of_rows, pairs=None):
    return Examples(objects(of_rows), None if pairs is None else objects(pairs), {})


class Remembers:
    """A model that predicts the largest target where any feature of a text is known, else -1."""

    def fit(self, features, targets):
        self.largest = targets.max()
        return self

    def predict(self, features):
        return np.where(np.asarray(features.sum(axis=1)).ravel() > 0, self.largest, -1)


def test_linear_models_learn_words():
    train = texts("good film", "great film", "bad film", "awful film")
    asked = texts("a great one", "an awful one")
    found = fitted_predictions({"svm": LinearSVC(random_state=0)}, train, np.array([1, 1, 0, 0]), asked)
    assert {name: classes.tolist() for name, classes in found.items()} == {"svm": [1, 0]}


def test_words_and_word_pairs_are_what_a_model_sees():
    found = fitted_predictions({"all": Remembers()}, texts("a1 b1", "c1"), np.array([3, 2]), texts("c1 d1", "d1"))
    assert found["all"].tolist() == [3, -1]


def test_both_texts_of_a_pair_are_joined_with_single_spaces():
    assert joined(texts("a  b", "c", "d", pairs=["e", "f", " g"])) == ["a b e", "c f", "d g"]
    assert joined(texts(" a\n b ")) == ["a b"]


@pytest.fixture
def domains():
    """`fresh` is good everywhere; `small` is good of phones and bad of rooms."""
    phones = texts("small fresh", "small", "large", "large stale", "small case", "large case")
    rooms = texts("large view", "large", "small", "small view", "large door", "small door")
    targets, asked = np.array([1, 1, 0, 0, 1, 0]), texts("small", "large", "fresh")
    return {"phones": (phones, targets, asked), "rooms": (rooms, targets, asked)}


def test_pooled_models_learn_from_each_other(domains):
    found = pooled_predictions(LinearSVC(random_state=0), domains)
    assert list(found) == ["linear_svm_pooled", "linear_svm_augmented"]
    # What was learned of phones holds for rooms.
    assert found["linear_svm_pooled"]["rooms"][2] == 1
    pooled = found["linear_svm_pooled"]
    assert np.array_equal(pooled["phones"], pooled["rooms"])


def test_augmented_models_also_tell_domains_apart(domains):
    found = pooled_predictions(LinearSVC(random_state=0), domains)["linear_svm_augmented"]
    assert {name: classes.tolist() for name, classes in found.items()} == {"phones": [1, 0, 1], "rooms": [0, 1, 1]}


def test_tasks_may_be_asked_different_numbers_of_texts(domains):
    phones, rooms = domains["phones"], domains["rooms"]
    more = {"phones": (*phones[:2], texts("small")), "rooms": (*rooms[:2], texts("small", "large"))}
    found = pooled_predictions(LinearSVC(random_state=0), more)["linear_svm_augmented"]
    assert {name: classes.tolist() for name, classes in found.items()} == {"phones": [1], "rooms": [0, 1]}


def test_cosines_are_shares_of_common_words_where_all_weigh_the_same():
    first = ["red car", "blue bird", "red car", "red car", "blue bird"]
    second = ["red car", "blue bird", "blue bird", "red bird", "blue car"]
    # Each of the four words stands in five of the ten texts.
    known, asked = cosines(texts(*first, pairs=second), texts("car bird", "red blue", pairs=["bird car", "red bird"]))
    assert known == pytest.approx(np.array([[1.0], [1.0], [0.0], [0.5], [0.5]]))
    assert asked == pytest.approx(np.array([[1.0], [0.5]]))
