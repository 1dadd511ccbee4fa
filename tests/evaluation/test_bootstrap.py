import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.evaluation import bootstrap
from tfmtl.evaluation.bootstrap import count_replicates, mean_replicates, percentile_interval, row_replicates


def generator():
    return np.random.default_rng(3)


def test_the_interval_cuts_two_and_a_half_percent_at_each_end():
    assert percentile_interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))


def test_the_interval_of_a_mean_is_near_the_normal_one():
    values = np.random.default_rng(0).normal(2.0, 3.0, size=400)
    low, high = percentile_interval(mean_replicates(values, 4000, generator()))
    half = 1.96 * values.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05 * half * 2)


def test_the_three_ways_to_resample_a_share_agree():
    hits = np.repeat([1.0, 0.0], [70, 30])
    deviation = math.sqrt(0.7 * 0.3 / 100)
    for replicates in (
        mean_replicates(hits, 3000, generator()),
        row_replicates(lambda drawn: hits[drawn].mean(), 100, 3000, generator()),
        count_replicates(lambda tables: tables[:, 0] / tables.sum(axis=1), np.array([70, 30]), 3000, generator()),
    ):
        assert replicates.shape == (3000,)
        assert replicates.mean() == pytest.approx(0.7, abs=5 * deviation / math.sqrt(3000))
        assert replicates.std() == pytest.approx(deviation, rel=0.07)


def test_blocks_cover_all_samples(monkeypatch):
    monkeypatch.setattr(bootstrap, "_ENTRIES_AT_ONCE", 10)
    assert mean_replicates(np.array([1.0, 1.0, 1.0]), 11, generator()) == pytest.approx(np.ones(11))


def test_the_same_seed_gives_the_same_replicates():
    values = np.arange(20.0)
    np.testing.assert_array_equal(mean_replicates(values, 50, generator()), mean_replicates(values, 50, generator()))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.1, 10.0), min_size=8, max_size=30))
def test_the_interval_contains_the_mean_of_a_symmetric_sample(distances):
    values = np.array(distances)
    low, high = percentile_interval(mean_replicates(np.concatenate([values, -values]), 500, generator()))
    assert low <= 0.0 <= high
