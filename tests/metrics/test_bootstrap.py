import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.metrics import bootstrap
from tfmtl.metrics.bootstrap import percentile_interval, samples_of_rows


def means(values, samples, seed=3):
    drawn = samples_of_rows(len(values), samples, np.random.default_rng(seed))
    return np.concatenate([values[block].mean(axis=1) for block in drawn])


def test_the_interval_cuts_two_and_a_half_percent_at_each_end():
    assert percentile_interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))


def test_the_interval_of_a_mean_is_near_the_normal_one():
    values = np.random.default_rng(0).normal(2.0, 3.0, size=400)
    low, high = percentile_interval(means(values, 4000))
    half = 1.96 * values.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05 * half * 2)


def test_the_means_of_samples_of_a_share_are_binomial():
    replicates = means(np.repeat([1.0, 0.0], [70, 30]), 3000)
    deviation = math.sqrt(0.7 * 0.3 / 100)
    assert replicates.shape == (3000,)
    assert replicates.mean() == pytest.approx(0.7, abs=5 * deviation / math.sqrt(3000))
    assert replicates.std() == pytest.approx(deviation, rel=0.07)


def test_blocks_cover_all_samples(monkeypatch):
    monkeypatch.setattr(bootstrap, "_ENTRIES_AT_ONCE", 10)
    drawn = list(samples_of_rows(3, 11, np.random.default_rng(0)))
    assert [block.shape for block in drawn] == [(3, 3), (3, 3), (3, 3), (2, 3)]
    assert all((block >= 0).all() and (block < 3).all() for block in drawn)


def test_the_same_seed_gives_the_same_samples():
    values = np.arange(20.0)
    np.testing.assert_array_equal(means(values, 50), means(values, 50))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.1, 10.0), min_size=8, max_size=30))
def test_the_interval_contains_the_mean_of_a_symmetric_sample(distances):
    values = np.array(distances)
    low, high = percentile_interval(means(np.concatenate([values, -values]), 500))
    assert low <= 0.0 <= high
