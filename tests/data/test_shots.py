import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.data.shots import drawn_rows, without_others


def strata_of(labels):
    return [labels == label for label in range(3)]


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_so_many_rows_of_each_class_are_drawn_and_more_shots_add_to_fewer(rows, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat([0, 1, 2, -1], [20, 6, 9, 5]))
    drawn = drawn_rows(strata_of(labels), rows, seed)
    assert np.bincount(labels[drawn]).tolist() == [rows] * 3
    np.testing.assert_array_equal(drawn, drawn_rows(strata_of(labels), rows, seed))
    assert {*drawn} < {*drawn_rows(strata_of(labels), rows + 1, seed)} or rows == 6


def test_seeds_draw_other_rows():
    labels = np.zeros(1000, int)
    first, second = (drawn_rows(strata_of(labels), 10, seed) for seed in (0, 1))
    assert len({*first} & {*second}) < 3


def test_a_class_with_fewer_rows_gives_all_of_them():
    labels = np.array([0, 0, 0, 1, 2, 2])
    assert drawn_rows(strata_of(labels), 2, 0)[-3:].tolist() == [3, 4, 5]


def test_rows_that_are_not_kept_have_no_target():
    kept = np.array([0, 2])
    np.testing.assert_array_equal(without_others(np.array([4, 5, 6]), kept), [4, -1, 6])
    np.testing.assert_array_equal(without_others(np.array([4.0, 5.0, 6.0]), kept), [4.0, np.nan, 6.0])
    texts = np.array(["a", "b", "c"], object)
    assert without_others(texts, kept).tolist() == ["a", "", "c"]
    assert texts.tolist() == ["a", "b", "c"]
