import warnings

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

from tfmtl.kinds.multi_label.metrics import METRICS


@pytest.fixture
def answered():
    """Targets and predictions of 40 rows and five labels, scores with ties, the last label absent."""
    generator = np.random.default_rng(3)
    targets = (generator.random([40, 5]) < 0.3).astype(np.int32)
    targets[:, 4] = 0
    scores = np.round(np.clip(0.4 * targets + 0.6 * generator.random([40, 5]), 0, 1), 1)
    return targets, np.stack([scores, scores >= 0.5], axis=1).astype(np.float32)


def expected(name: str, targets: np.ndarray, predictions: np.ndarray) -> float:
    scores, selected = predictions[:, 0], predictions[:, 1] > 0.5
    if name == "subset_accuracy":
        return accuracy_score(targets, selected)
    if name == "ece":
        return calibration_error(scores.ravel(), targets.ravel())
    if name == "average_precision":
        known = targets.any(axis=0)
        return average_precision_score(targets[:, known], scores[:, known], average="macro")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f1_score(targets, selected, average=name.removeprefix("f1_"), zero_division=0.0)


def calibration_error(probabilities, is_true) -> float:
    """The mean over statements of the gap that scikit-learn's curve has in their bin."""
    true, predicted = calibration_curve(is_true, probabilities, n_bins=15)
    counts, _ = np.histogram(probabilities, np.linspace(0, 1, 16) + 1e-9)
    counts[0] += np.count_nonzero(probabilities <= 1e-9)
    return np.abs(true - predicted) @ counts[counts > 0] / len(is_true)


@pytest.mark.parametrize("name", METRICS)
def test_values_are_those_of_scikit_learn(answered, name):
    assert METRICS[name]()(*answered) == pytest.approx(expected(name, *answered), abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_samples_are_scored_as_their_rows_would_be(answered, name):
    targets, predictions = answered
    samples = np.random.default_rng(4).integers(40, size=[20, 40])
    found = METRICS[name]().of_samples(targets, predictions, samples)
    assert found == pytest.approx([expected(name, targets[rows], predictions[rows]) for rows in samples], abs=1e-9)


def test_a_worked_example():
    targets = np.array([[1, 0], [1, 1], [0, 0], [0, 1]])
    scores = np.array([[0.9, 0.2], [0.4, 0.8], [0.6, 0.1], [0.1, 0.3]])
    answers = np.stack([scores, scores >= 0.5], axis=1)
    # Label 0: right 1, true 2, selected 2; label 1: right 1, true 2, selected 1.
    assert METRICS["f1_micro"]()(targets, answers) == pytest.approx(2 * 2 / (4 + 3))
    assert METRICS["f1_macro"]()(targets, answers) == pytest.approx((2 * 1 / 4 + 2 * 1 / 3) / 2)
    # Label 0 ranks its rows first and third, label 1 first and second.
    assert METRICS["average_precision"]()(targets, answers) == pytest.approx((0.5 * 1 + 0.5 * 2 / 3 + 1) / 2)
    assert METRICS["subset_accuracy"]()(targets, answers) == pytest.approx(1 / 4)


def test_without_any_label_nothing_is_undefined():
    targets, answers = np.zeros([3, 2], int), np.zeros([3, 2, 2])
    assert [METRICS[name]()(targets, answers) for name in METRICS] == [0.0, 0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("name", "value"),
    # The scores 0.9, 0.6, 0.4, 0.2 of the targets 1, 0, 1, 0: one hit of two selected and of two true.
    [("f1_micro", 0.5), ("f1_macro", 0.5), ("average_precision", (1 + 2 / 3) / 2), ("subset_accuracy", 0.5)],
)
def test_one_label_is_scored_as_one(name, value):
    scores = np.array([[0.9], [0.6], [0.4], [0.2]])
    predictions = np.stack([scores, scores >= 0.5], axis=1).astype(np.float32)
    targets, metric = np.array([[1], [0], [1], [0]]), METRICS[name]()
    assert metric(targets, predictions) == pytest.approx(value)
    assert metric.of_samples(targets, predictions, np.arange(4)[None]) == pytest.approx(value)
