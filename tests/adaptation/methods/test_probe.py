import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from tfmtl.adaptation.methods.probe import Probe, ProbeOptions, regression
from tfmtl.adaptation.solved import Problem


def problem(classes, rows=8, width=16, noise=0.5):
    """Rows of each class around a mean of its own, of length one."""
    generator = np.random.default_rng(classes)
    targets = np.repeat(np.arange(classes), rows)
    means = generator.normal(size=(classes, width))
    features = means[targets] + noise * generator.normal(size=(len(targets), width))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return Problem(features.astype(np.float32), targets, np.ones(len(targets)), classes)


@pytest.mark.parametrize("classes", [2, 5])
def test_probabilities_are_those_of_scikit_learn(classes):
    given = problem(classes)
    solution = regression(given, 3.0)
    asked = problem(classes, noise=2.0).features
    expected = LogisticRegression(C=3.0, max_iter=2000).fit(given.features, given.targets).predict_proba(asked)
    np.testing.assert_allclose(softmax(solution.scores(asked), axis=1), expected, rtol=1e-4, atol=1e-6)
    layer = solution.layer("scores")
    layer.build(asked.shape)
    layer.set_weights(solution.weights)
    np.testing.assert_allclose(layer(asked), solution.scores(asked), rtol=1e-4, atol=1e-4)


def test_the_regularisation_is_that_with_the_best_calibrated_log_loss_of_held_out_rows():
    given = problem(4, noise=1.5)
    choices = (0.01, 1.0, 100.0)
    folds, losses = StratifiedKFold(4, shuffle=True, random_state=0), []
    for value in choices:
        model = LogisticRegression(C=value, max_iter=2000)
        with threadpool_limits(1):
            scores = cross_val_predict(model, given.features, given.targets, cv=folds, method="decision_function")
        losses.append(
            min(log_loss(given.targets, softmax(factor * scores, axis=1)) for factor in np.geomspace(0.01, 99, 999))
        )
    solution = Probe(ProbeOptions(inverse_regularization=choices, folds=4)).solve(given)
    assert solution.report["inverse_regularization"] == choices[int(np.argmin(losses))]
    assert solution.report["log_loss"] == pytest.approx(min(losses), rel=1e-3)


def test_one_row_of_a_label_leaves_nothing_to_choose():
    report = Probe(ProbeOptions(inverse_regularization=(7.0, 1.0))).solve(problem(3, rows=1)).report
    assert report == {"method": "probe", "inverse_regularization": 7.0}


def test_a_class_whose_rows_do_not_count_is_never_said():
    given = problem(3)
    weights = np.where(given.targets == 1, 0.0, 1.0)
    scores = regression(Problem(given.features, given.targets, weights, 3), 10.0).scores(given.features)
    assert np.isfinite(scores).all()
    assert (scores.argmax(axis=1) != 1).all()
