import itertools

import numpy as np
import pytest
from scipy.stats import permutation_test

from tfmtl.metrics.accuracy import Accuracy
from tfmtl.metrics.matthews import Matthews
from tfmtl.metrics.pearson import Pearson
from tfmtl.metrics.rouge import Rouge1
from tfmtl.reports.comparison.paired import paired_difference

generator = np.random.default_rng(0)
TARGETS = generator.integers(3, size=120)


def answers(share_right, seed):
    """Probabilities whose class is the true one in about such a share of rows."""
    drawn = np.random.default_rng(seed)
    classes = np.where(drawn.random(120) < share_right, TARGETS, drawn.integers(3, size=120))
    return np.eye(3, dtype=np.float32)[classes]


def test_the_p_value_is_that_of_all_swaps():
    """Of eight rows all 256 swaps can be made."""
    targets = np.array([0, 1, 0, 1, 1, 0, 1, 0])
    first = np.eye(2)[[0, 0, 1, 0, 1, 1, 1, 0]]
    second = np.eye(2)[[0, 1, 0, 1, 1, 0, 1, 1]]
    change = (second.argmax(1) == targets).astype(float) - (first.argmax(1) == targets)
    swapped = [np.mean(change * signs) for signs in itertools.product((1, -1), repeat=8)]
    expected = np.mean(np.abs(swapped) >= abs(change.mean()) - 1e-9)
    found = paired_difference(Accuracy(), targets, [first], [second], 6000, seed=0)
    assert found.value == pytest.approx(change.mean())
    assert found.p_value == pytest.approx(expected, abs=0.02)


def test_it_agrees_with_scipy_for_a_metric_that_is_no_mean():
    targets = generator.normal(size=40)
    first, second = targets + generator.normal(size=40), targets + 0.6 * generator.normal(size=40)
    metric = Pearson()
    found = paired_difference(metric, targets, [first], [second], 500, seed=0)
    expected = permutation_test(
        (first, second),
        lambda a, b: metric(targets, b) - metric(targets, a),
        permutation_type="samples",
        n_resamples=500,
        random_state=np.random.default_rng(1),
    )
    assert found.value == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.06)


@pytest.mark.parametrize("metric", [Accuracy(), Matthews()], ids=["accuracy", "matthews"])
def test_the_same_answers_do_not_differ(metric):
    found = paired_difference(metric, TARGETS, [answers(0.7, 1)], [answers(0.7, 1)], 200, seed=0)
    assert (found.value, found.interval, found.p_value) == (0.0, (0.0, 0.0), 1.0)


def test_sides_change_the_sign_alone():
    pair = [answers(0.5, 1)], [answers(0.8, 2)]
    forth = paired_difference(Accuracy(), TARGETS, *pair, 500, seed=0)
    back = paired_difference(Accuracy(), TARGETS, *pair[::-1], 500, seed=0)
    assert forth.value == pytest.approx(-back.value) and forth.value > 0.1
    assert forth.p_value == back.p_value < 0.05
    assert forth.interval == pytest.approx((-back.interval[1], -back.interval[0]))


def test_the_interval_of_paired_rows_is_narrower_than_that_of_independent_ones():
    first = answers(0.7, 1)
    second = first.copy()
    second[:6] = np.eye(3)[TARGETS[:6]]
    low, high = paired_difference(Accuracy(), TARGETS, [first], [second], 2000, seed=0).interval
    change = (second.argmax(1) == TARGETS).astype(float) - (first.argmax(1) == TARGETS)
    half = 1.96 * change.std() / np.sqrt(120)
    assert (low, high) == pytest.approx((change.mean() - half, change.mean() + half), abs=0.5 * half)
    share = (first.argmax(1) == TARGETS).mean()
    assert high - low < 2 * 1.96 * np.sqrt(2 * share * (1 - share) / 120)


def test_of_several_trainings_the_mean_score_counts():
    """A correlation of joined answers is no mean of correlations: the trainings differ in their scale."""
    targets = generator.normal(size=50)
    first = [targets + generator.normal(size=50), 10 * targets + 20 * generator.normal(size=50)]
    second = [5 - targets + 2 * generator.normal(size=50), 3 * targets + generator.normal(size=50)]
    found = paired_difference(Pearson(), targets, first, second, 300, seed=0)
    means = [np.mean([np.corrcoef(targets, part)[0, 1] for part in side]) for side in (first, second)]
    assert found.value == pytest.approx(means[1] - means[0])
    drawn = np.random.default_rng(0).integers(50, size=(300, 50))[0]
    replicate = [np.mean([np.corrcoef(targets[drawn], part[drawn])[0, 1] for part in side]) for side in (first, second)]
    assert found.replicates[0] == pytest.approx(replicate[1] - replicate[0])


def test_summaries():
    targets = [("the cat sleeps",), ("a dog runs",), ("the rain falls",)]
    first, second = ["the cat", "a dog", "rain"], ["the cat sleeps", "a dog runs", "the rain"]
    found = paired_difference(Rouge1(), targets, [first], [second], 100, seed=0)
    # F-measures: 4/5, 4/5, 1/2 and 1, 1, 4/5.
    assert found.value == pytest.approx((0.2 + 0.2 + 0.3) / 3)
    assert found.interval[0] == pytest.approx(0.2) and found.interval[1] == pytest.approx(0.3)
