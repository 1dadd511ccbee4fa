import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from tfmtl.metrics.temperature import LIMITS, sigmoid_temperature, softmax_temperature


def likelihood_loss(logits, targets, temperature):
    """The mean negative log-likelihood of the labels."""
    found = log_softmax(np.asarray(logits, np.float64) / temperature, axis=1)
    return -found[np.arange(len(targets)), targets].mean()


def by_search(loss) -> float:
    """The best temperature of a grid that is refined twice."""
    low, high = np.log(LIMITS)
    for _ in range(5):
        grid = np.linspace(low, high, 201)
        best = int(np.argmin([loss(np.exp(value)) for value in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, 200)]
    return float(np.exp((low + high) / 2))


def logits_and_targets(seed, rows=60, classes=4, scale=5.0):
    generator = np.random.default_rng(seed)
    targets = generator.integers(classes, size=rows)
    logits = scale * (np.eye(classes)[targets] * 0.5 + generator.normal(size=[rows, classes]) * 0.4)
    return logits.astype(np.float32), targets


@pytest.mark.parametrize("scale", [1.0, 3.0, 8.0])
def test_it_is_that_of_a_search_over_all_temperatures(scale):
    logits, targets = logits_and_targets(0, scale=scale)
    found = softmax_temperature(logits, targets)
    assert found == pytest.approx(by_search(lambda value: likelihood_loss(logits, targets, value)), rel=1e-4)
    # It only depends on the unit of the logits.
    assert softmax_temperature(2.0 * logits.astype(np.float64), targets) == pytest.approx(2.0 * found, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(2, 5), st.floats(0.01, 300.0))
def test_the_likelihood_does_not_fall_and_no_label_changes(seed, rows, classes, scale):
    logits, targets = logits_and_targets(seed, rows, classes, scale)
    found = softmax_temperature(logits, targets)
    assert LIMITS[0] <= found <= LIMITS[1]
    before, after = (likelihood_loss(logits, targets, value) for value in (1.0, found))
    assert after <= before + 1e-9
    np.testing.assert_array_equal((logits / np.float32(found)).argmax(axis=1), logits.argmax(axis=1))


def test_two_of_three_right_rows_have_the_probability_two_thirds():
    logits = np.array([[6.0, 0.0], [6.0, 0.0], [6.0, 0.0]])
    assert softmax_temperature(logits, np.array([0, 0, 1])) == pytest.approx(6 / np.log(2), rel=1e-8)


@pytest.mark.parametrize(
    ("logits", "targets"),
    [([[3.0, 1.0], [0.0, 2.0]], [0, 1]), ([[1.0, 1.0], [2.0, 2.0]], [0, 1])],
    ids=["all right", "all equal"],
)
def test_where_there_is_no_minimum_it_stays_at_one(logits, targets):
    assert softmax_temperature(np.array(logits), np.array(targets)) == 1.0


def test_it_stays_within_its_limits():
    assert softmax_temperature(np.array([[9.0, 0.0], [0.0, 9.0]]), np.array([1, 0])) == LIMITS[1]
    certain = np.array([[1e-4, 0.0]] * 99 + [[0.0, 1e-4]])
    assert softmax_temperature(certain, np.array([0] * 100)) == LIMITS[0]


def test_large_logits_are_no_trouble():
    logits = np.float32([[2e4, 0.0], [2e4, 0.0], [0.0, 2e4]])
    assert softmax_temperature(logits, np.array([0, 1, 1])) == LIMITS[1]


def test_labels_of_their_own_have_one_temperature_by_the_binary_cross_entropy():
    generator = np.random.default_rng(2)
    targets = generator.integers(2, size=[40, 3])
    logits = 4.0 * (targets - 0.5 + 0.5 * generator.normal(size=[40, 3]))

    def loss(temperature):
        return np.logaddexp(0.0, np.where(targets == 1, -logits, logits) / temperature).mean()

    found = sigmoid_temperature(logits, targets)
    assert found == pytest.approx(by_search(loss), rel=1e-4)
    assert loss(found) < loss(1.0)
