import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.characters import objects, rows_of
from tfmtl.data.columns import DenseColumn, RaggedColumn, is_present, padded

few = settings(max_examples=50, deadline=None)
MARKS = {np.dtype(np.int32): -1, np.dtype(np.float32): np.nan}
LABELS = DenseColumn(np.int32([2, -1, 0]))
SCORES = DenseColumn(np.float32([1.5, np.nan, 0.0]))
VECTORS = DenseColumn(np.int32([[1, 0], [-1, -1], [0, 1]]))
NUMBERS = DenseColumn(np.float32([[1.0, 2.0, 3.0], [np.nan] * 3]))
PIECES = RaggedColumn(np.arange(6, dtype=np.int32), np.array([0, 1, 1, 6]))


def ragged(rows):
    """The column of lists of tokens."""
    splits = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return RaggedColumn(np.array([token for row in rows for token in row], np.int32), splits)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3,), (3, 2)])
def test_what_is_absent_is_not_present(dtype, shape):
    column = DenseColumn(np.zeros((0, *shape[1:]), dtype)).take(np.full(3, -1))
    assert (column.values.shape, column.values.dtype) == (shape, dtype)
    assert column.present.tolist() == [False, False, False]
    column.values[1] = 0
    assert column.present.tolist() == [False, True, False]


def test_a_vector_is_present_where_all_of_it_is():
    assert is_present(np.int32([[0, 1], [0, -1], [-1, -1]])).tolist() == [True, False, False]
    assert is_present(np.float32([[0, 1], [0, np.nan], [np.nan, np.nan]])).tolist() == [True, False, False]


def test_of_sequences_the_empty_ones_are_absent():
    references = [("a",), (), ("", "b")]
    assert is_present(references).tolist() == is_present(objects(references)).tolist() == [True, False, True]
    assert is_present([]).tolist() == []


def test_entries_are_taken_in_any_order_and_as_often_as_is_asked():
    rows = np.array([2, -1, 0, 0])
    assert LABELS.take(rows).values.tolist() == [0, -1, 2, 2]
    np.testing.assert_array_equal(SCORES.take(rows).values, np.float32([0.0, np.nan, 1.5, 1.5]))
    assert VECTORS.take(rows).values.tolist() == [[0, 1], [-1, -1], [1, 0], [1, 0]]
    np.testing.assert_array_equal(NUMBERS.take(np.array([-1, 0])).values, [[np.nan] * 3, [1.0, 2.0, 3.0]])


@pytest.mark.parametrize("column", [LABELS, SCORES, VECTORS, NUMBERS], ids=["int", "float", "ints", "floats"])
def test_a_dense_column_keeps_its_dtype_and_has_no_lengths(column):
    assert column.take(np.array([0, -1])).values.dtype == column.values.dtype
    assert type(column).join([column, column]).values.dtype == column.values.dtype
    assert column.graph().dtype.as_numpy_dtype == column.values.dtype
    assert column.lengths is None


@pytest.mark.parametrize("column", [LABELS, SCORES, VECTORS, NUMBERS], ids=["int", "float", "ints", "floats"])
def test_in_a_graph_an_absent_entry_stands_behind_a_dense_column(column):
    found = column.graph().numpy()
    np.testing.assert_array_equal(found[:-1], column.values)
    assert len(found) == len(column) + 1
    assert not is_present(found[-1:]).any()


def test_columns_of_one_task_are_joined():
    joined = DenseColumn.join([VECTORS, VECTORS.take(np.array([-1])), VECTORS.take(np.array([2]))])
    assert joined.values.tolist() == [[1, 0], [-1, -1], [0, 1], [-1, -1], [0, 1]]
    assert joined.present.tolist() == [True, False, True, False, True]


def test_ragged_rows_are_taken_and_joined():
    assert rows_of(PIECES.take(np.array([2, 0, -1, 1]))) == [[1, 2, 3, 4, 5], [0], [], []]
    assert rows_of(RaggedColumn.join([PIECES, PIECES])) == rows_of(PIECES) * 2
    assert PIECES.graph().to_list() == [*rows_of(PIECES), []]


def test_a_ragged_column_knows_the_length_of_each_row_and_which_are_empty():
    assert (len(PIECES), PIECES.lengths.tolist()) == (3, [1, 0, 5])
    assert PIECES.present.tolist() == [True, False, True]
    assert (len(RaggedColumn.empty()), rows_of(RaggedColumn.empty().take(np.array([-1])))) == (0, [[]])


def test_ragged_entries_are_padded_in_a_graph_and_dense_ones_are_as_they_are():
    # The row behind the last is the absent one.
    rows = tf.constant([2, 3, 0])
    wanted = [[1, 2, 3, 4, 5, 0], [0] * 6, [0] * 6]
    assert padded(PIECES.graph(), rows, tf.constant(6)).numpy().tolist() == wanted
    assert padded(LABELS.graph(), rows, None).numpy().tolist() == [0, -1, 2]
    assert padded(VECTORS.graph(), rows, None).numpy().tolist() == [[0, 1], [-1, -1], [1, 0]]


def test_a_graph_knows_how_many_rows_it_pads():
    @tf.function(input_signature=[tf.TensorSpec([4], tf.int32), tf.TensorSpec([], tf.int32)], autograph=False)
    def read(rows, length):
        tokens = padded(PIECES.graph(), rows, length)
        assert tokens.shape.as_list() == [4, None]
        return tokens

    assert read(tf.constant([0, 2, 3, 3]), tf.constant(5)).shape == (4, 5)


@st.composite
def dense(draw):
    """Parts of a dense column and the same entries as lists, the absent ones as `None`."""
    dtype = draw(st.sampled_from(list(MARKS)))
    width = draw(st.sampled_from([None, 1, 3]))
    number = st.integers(0, 9) if dtype.kind == "i" else st.floats(-9, 9, width=32)
    entry = number if width is None else st.lists(number, min_size=width, max_size=width)
    parts = draw(st.lists(st.lists(st.none() | entry, max_size=5), min_size=1, max_size=3))
    absent = MARKS[dtype] if width is None else [MARKS[dtype]] * (width or 0)
    shape = [] if width is None else [width]
    filled = [[absent if value is None else value for value in part] for part in parts]
    return [DenseColumn(np.array(part, dtype).reshape([len(part), *shape])) for part in filled], parts, absent


@few
@given(dense(), st.data())
def test_dense_columns_are_taken_and_joined_as_lists_are(made, data):
    columns, parts, absent = made
    entries = [entry for part in parts for entry in part]
    rows = data.draw(st.lists(st.integers(-1, len(entries) - 1), max_size=8))
    found = DenseColumn.join(columns).take(np.array(rows, np.int64))
    wanted = [None if row < 0 else entries[row] for row in rows]
    dtype = columns[0].values.dtype
    np.testing.assert_array_equal(
        found.values,
        np.array([absent if entry is None else entry for entry in wanted], dtype).reshape(found.values.shape),
    )
    assert found.values.shape == (len(rows), *columns[0].values.shape[1:])
    assert found.present.tolist() == [entry is not None for entry in wanted]


@few
@given(dense(), st.data())
def test_it_is_the_same_whether_dense_columns_are_taken_or_joined_first(made, data):
    columns, _, _ = made
    drawn = [data.draw(st.lists(st.integers(-1, len(column) - 1), max_size=5)) for column in columns]
    rows = [np.array(of_column, np.int64) for of_column in drawn]
    starts = np.cumsum([0, *map(len, columns)])
    shifted = [np.where(of < 0, -1, of + start) for of, start in zip(rows, starts, strict=False)]
    first = DenseColumn.join([column.take(of) for column, of in zip(columns, rows, strict=True)])
    np.testing.assert_array_equal(first.values, DenseColumn.join(columns).take(np.concatenate(shifted)).values)


ROWS = st.lists(st.lists(st.integers(0, 99), max_size=4), max_size=5)


@few
@given(st.lists(ROWS, min_size=1, max_size=3), st.data())
def test_ragged_columns_are_taken_and_joined_as_lists_are(parts, data):
    entries = [row for part in parts for row in part]
    rows = data.draw(st.lists(st.integers(-1, len(entries) - 1), max_size=8))
    joined = RaggedColumn.join([ragged(part) for part in parts])
    assert rows_of(joined) == entries
    found = joined.take(np.array(rows, np.int64))
    assert rows_of(found) == [[] if row < 0 else entries[row] for row in rows]
    assert found.present.tolist() == [row >= 0 and bool(entries[row]) for row in rows]
    assert (found.values.dtype, found.splits.dtype) == (np.int32, np.int64)


@few
@given(ROWS, st.data())
def test_a_padded_batch_is_what_plain_numpy_makes_of_its_rows(entries, data):
    rows = data.draw(st.lists(st.integers(0, len(entries)), min_size=1, max_size=6))
    length = data.draw(st.integers(max([1, *map(len, entries)]), 9))
    wanted = np.zeros((len(rows), length), np.int32)
    for place, row in enumerate(rows):
        tokens = [*entries, []][row]
        wanted[place, : len(tokens)] = tokens
    found = padded(ragged(entries).graph(), tf.constant(rows), tf.constant(length))
    np.testing.assert_array_equal(found, wanted)
