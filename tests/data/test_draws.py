from types import SimpleNamespace

import numpy as np
import pytest

from tests.data.test_plan import TWO_SLICES, table
from tfmtl.core.errors import DataError
from tfmtl.data.draws import Draws


def drawn_by_hand(tables, stream, number, start, count, seed):
    """Draws of a stream as pairs (table, row): shuffled passes over all of its rows in sequence."""
    pairs = np.array([(k, row) for k, of in enumerate(tables) for row in of.streams.get(stream, ())])
    passes = range(-(-(start + count) // len(pairs)))
    orders = [np.random.default_rng((seed, number, each)).permutation(len(pairs)) for each in passes]
    return pairs[np.concatenate(orders)[start : start + count]]


@pytest.mark.parametrize(("start", "count"), [(0, 70), (65, 10), (10, 150), (70, 70)])
def test_draws_are_shuffled_passes_over_the_rows_of_a_stream_in_all_tables(start, count):
    draws = Draws(TWO_SLICES, None, seed=5)
    assert draws.sizes.tolist() == [70, 21]
    starts, counts = np.array([start, 4]), np.array([count, 19])
    expected = [drawn_by_hand(TWO_SLICES, "a", 0, start, count, 5), drawn_by_hand(TWO_SLICES, "b", 1, 4, 19, 5)]
    expected = np.concatenate(expected)
    for k in range(2):
        rows = draws.rows(k, starts, counts)
        assert rows.dtype == np.int32
        assert rows.tolist() == expected[expected[:, 0] == k, 1].tolist()
        assert draws.count(k, starts, counts) == len(rows)


def test_rows_without_a_target_of_the_tasks_are_not_drawn():
    tables = [table({"a": 4, "b": 2}, [5] * 6, {"topic": np.int32([-1, 3, -1, 1, -1, -1])})]
    draws = Draws(tables, ["topic"], seed=0)
    assert draws.sizes.tolist() == [2]
    assert sorted(draws.rows(0, np.array([0]), np.array([2])).tolist()) == [1, 3]
    assert Draws(tables, ["title"], seed=0).sizes.tolist() == []


def test_more_rows_than_int32_can_count_are_an_error():
    tables = [SimpleNamespace(tokens=range(2**30))] * 2
    with pytest.raises(DataError, match="2147483648 training rows are more than a plan can have"):
        Draws(tables, None, seed=0)
