from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestCentroid

from tests.adaptation.methods.test_probe import problem
from tfmtl.adaptation.methods.prototypes import Prototypes, PrototypesOptions, nearest_mean
from tfmtl.adaptation.solved import Problem


def test_the_nearest_mean_is_that_of_scikit_learn():
    given, asked = problem(5), problem(5, noise=2.0).features
    solution = nearest_mean(given, 4.0)
    expected = NearestCentroid().fit(given.features, given.targets).predict(asked)
    np.testing.assert_array_equal(solution.scores(asked).argmax(axis=1), expected)
    layer = solution.layer("scores")
    layer.build(asked.shape)
    layer.set_weights(solution.weights)
    np.testing.assert_allclose(layer(asked), solution.scores(asked), rtol=1e-4)


def test_means_are_weighted():
    features = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], np.float32)
    solution = nearest_mean(Problem(features, np.array([0, 0, 1]), np.array([3.0, 1.0, 1.0]), 2), 1.0)
    np.testing.assert_allclose(solution.weights[0], [[0.75, 0.25], [0.0, -1.0]])


def test_the_scale_changes_probabilities_and_no_answer():
    given, asked = problem(3, noise=1.0), problem(3, noise=3.0).features
    answers = [nearest_mean(given, scale).scores(asked).argmax(axis=1) for scale in (0.5, 50.0)]
    np.testing.assert_array_equal(*answers)


def test_it_is_as_certain_as_held_out_rows_are_right_whatever_scale_is_given():
    given = problem(3, rows=20, noise=1.5)
    first, second = (Prototypes(PrototypesOptions(scale=scale)).solve(given) for scale in (1.0, 30.0))
    np.testing.assert_allclose(first.scores(given.features), second.scores(given.features), rtol=1e-3)
    scores, loss = [], first.report["log_loss"]
    for known, held in StratifiedKFold(5, shuffle=True, random_state=0).split(given.features, given.targets):
        means = np.stack([given.features[known][given.targets[known] == label].mean(axis=0) for label in range(3)])
        scores.append((-((given.features[held, None] - means) ** 2).sum(axis=2), given.targets[held]))
    distances, targets = (np.concatenate(part) for part in zip(*scores, strict=True))
    expected = min(log_loss(targets, softmax(factor * distances, axis=1)) for factor in np.geomspace(0.05, 100, 999))
    assert loss == pytest.approx(expected, rel=1e-3)


def test_one_row_of_a_label_leaves_nothing_to_calibrate():
    assert Prototypes(PrototypesOptions()).solve(problem(3, rows=1)).report == {"method": "prototypes", "scale": 8.0}


def test_the_name_of_a_label_counts_for_as_many_rows_as_its_weight():
    given = replace(problem(2, rows=1, width=3), names=np.eye(2, 3, dtype=np.float32))
    solution = Prototypes(PrototypesOptions(name_weight=(3.0,))).solve(given)
    np.testing.assert_allclose(solution.weights[0], (given.features + 3 * given.names) / 4, rtol=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_every_class_has_a_prototype(classes):
    assert nearest_mean(problem(classes), 1.0).weights[0].shape == (classes, 16)
