import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.generation.constraints import FORBIDDEN, IMPOSSIBLE, constrain, is_allowed
from tfmtl.generation.options import SearchOptions

VOCABULARY, LENGTH = 6, 8
UNIFORM = float(-np.log(VOCABULARY))


def options_of(**changes):
    plain = {"no_repeat_ngram": 0, "min_length": 0, "max_length": LENGTH, "start_id": 1, "end_id": 2, "pad_id": 0}
    return SearchOptions(**{**plain, **changes})


def allowed_pieces(rows, options, log_probabilities=None):
    """The pieces that may follow each of several rows of one length."""
    tokens = np.zeros([len(rows), options.max_length], np.int32)
    for row, pieces in enumerate(rows):
        tokens[row, : len(pieces)] = pieces
    if log_probabilities is None:
        log_probabilities = tf.fill([len(rows), VOCABULARY], UNIFORM)
    result = constrain(log_probabilities, tf.constant(tokens), tf.constant(len(rows[0])), options)
    return [set(np.flatnonzero(row)) for row in is_allowed(result).numpy()]


def followers(row, size):
    """By definition: the pieces that would make the last `size` pieces an n-gram that the row already holds."""
    grams = {tuple(row[index : index + size]) for index in range(len(row) - size + 1)}
    return {piece for piece in range(VOCABULARY) if tuple([*row, piece][len(row) + 1 - size :]) in grams}


def test_padding_and_start_are_never_written():
    assert allowed_pieces([[3, 4]], options_of()) == [{2, 3, 4, 5}]


def test_start_mark_that_is_the_end_mark_too():
    assert allowed_pieces([[3, 4]], options_of(start_id=2)) == [{1, 2, 3, 4, 5}]


def test_no_end_before_the_minimum():
    options = options_of(min_length=2)
    assert allowed_pieces([[3]], options) == [{3, 4, 5}]
    assert allowed_pieces([[3, 4]], options) == [{2, 3, 4, 5}]


@pytest.mark.parametrize("size", [1, 2, 3, 9])
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_repeated_ngrams_are_forbidden(size, data):
    length = data.draw(st.integers(0, LENGTH - 1))
    rows = [data.draw(st.lists(st.integers(3, 5), min_size=length, max_size=length)) for _ in range(3)]
    expected = [({2, 3, 4, 5} - followers(row, size)) or {2} for row in rows]
    assert allowed_pieces(rows, options_of(no_repeat_ngram=size)) == expected


def test_end_is_left_where_everything_is_forbidden():
    options = options_of(no_repeat_ngram=1, min_length=7)
    assert allowed_pieces([[3, 4, 5], [3, 4, 3]], options) == [{2}, {5}]


def test_values_stay_finite_and_forbidden_pieces_the_worst():
    given_ = tf.constant([[-np.inf, 0.0, -np.inf, -np.inf, -2.5, 1e-7]], tf.float32)
    result = constrain(given_, tf.zeros([1, LENGTH], tf.int32), tf.constant(0), options_of())
    np.testing.assert_array_equal(result, [[FORBIDDEN, FORBIDDEN, IMPOSSIBLE, IMPOSSIBLE, -2.5, 0.0]])


def test_sums_of_impossible_pieces_are_allowed_and_of_one_forbidden_piece_not():
    assert is_allowed(tf.constant(IMPOSSIBLE * 50_000 * 0.99))
    assert not is_allowed(tf.constant(FORBIDDEN))
    assert not is_allowed(tf.constant(FORBIDDEN) * 512 + IMPOSSIBLE)
