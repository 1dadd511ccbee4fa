import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from tfmtl.core.errors import ConfigurationError
from tfmtl.kinds.classification.options import Classification
from tfmtl.metrics.calibration import Reliability, bins_of
from tfmtl.metrics.ece import ExpectedCalibrationError
from tfmtl.metrics.metric import metrics_of


def answered(rows, classes, seed=0):
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.4), rows).astype(np.float32)
    return generator.integers(classes, size=rows), probabilities


def expected(targets, probabilities) -> float:
    """The gaps of scikit-learn's curve, weighted by the rows of its bins."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    is_right = probabilities.argmax(axis=1) == targets
    true, predicted = calibration_curve(is_right, confidence, n_bins=15, strategy="uniform")
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, 16)[1:-1], confidence), minlength=15)
    return float(np.abs(true - predicted) @ counts[counts > 0] / len(targets))


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_values_are_those_of_scikit_learns_curve(classes):
    targets, probabilities = answered(400, classes)
    metric = ExpectedCalibrationError()
    assert metric(targets, probabilities) == pytest.approx(expected(targets, probabilities), abs=1e-12)
    samples = np.random.default_rng(1).integers(400, size=[20, 400])
    found = metric.of_samples(targets, probabilities, samples)
    assert found == pytest.approx([expected(targets[rows], probabilities[rows]) for rows in samples], abs=1e-12)


def test_a_worked_example():
    # Two rows of probability 0.9 of which one is right, and one of 0.6 that is right.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    found = ExpectedCalibrationError()(np.array([0, 1, 1]), probabilities)
    assert found == pytest.approx((2 * abs(0.5 - 0.9) + abs(1.0 - 0.6)) / 3)


def test_bins_hold_their_upper_edge():
    assert bins_of(np.array([0.0, 1 / 15, 1 / 15 + 1e-9, 0.5, 1.0])).tolist() == [0, 0, 1, 7, 14]
    found = Reliability.of(np.array([0.5, 0.5, 1.0]), np.array([1, 0, 1]))
    assert found.counts.sum() == 3 and (found.counts[7], found.counts[14]) == (2, 1)
    assert (found.probability[7], found.frequency[7], found.error) == (0.5, 0.5, 0.0)
    assert Reliability.of(np.array([]), np.array([])).error == 0.0


def test_an_error_is_measured_where_it_is_asked_for_but_chooses_no_checkpoint():
    task = Classification(name="topic", source="s", metrics=("ece",))
    assert list(metrics_of(task)) == ["accuracy", "f1_macro", "matthews", "ece"]
    with pytest.raises(ConfigurationError, match=r"^tasks.topic.primary: 'ece' is an error, best at 0"):
        metrics_of(task.model_copy(update={"metrics": (), "primary": "ece"}))
