import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.data.packing import pack_pair, pack_target, pack_text
from tfmtl.data.special_tokens import END_ID, START_ID

ROWS = st.lists(st.lists(st.integers(4, 20), max_size=14), min_size=1, max_size=5)
LENGTHS = st.integers(4, 20)
few = settings(max_examples=25, deadline=None)


def ragged(rows):
    return tf.ragged.constant(rows, ragged_rank=1, dtype=tf.int32)


def cut_pair(first, second, room):
    """Takes ids from the longer text, one at a time, until both fit; of two equal ones from the first."""
    first, second = list(first), list(second)
    while len(first) + len(second) > room:
        (first if len(first) >= len(second) else second).pop()
    return first, second


@few
@given(ROWS, LENGTHS)
def test_a_text_stands_between_its_marks_and_loses_its_end(rows, max_length):
    packed = pack_text(ragged(rows), max_length).to_list()
    assert packed == [[START_ID, *row[: max_length - 2], END_ID] for row in rows]
    assert max(map(len, packed)) <= max_length


@few
@given(ROWS, LENGTHS)
def test_the_decoder_reads_and_writes_at_most_max_length(rows, max_length):
    packed = pack_target(ragged(rows), max_length).to_list()
    assert packed == [[START_ID, *row[: max_length - 1], END_ID] for row in rows]
    assert all(len(row[:-1]) <= max_length and len(row[1:]) <= max_length for row in packed)


@few
@given(st.lists(st.tuples(*[st.lists(st.integers(4, 20), max_size=14)] * 2), min_size=1, max_size=5), LENGTHS)
def test_a_pair_loses_the_end_of_its_longer_text_first(pairs, max_length):
    packed = pack_pair(ragged([a for a, _ in pairs]), ragged([b for _, b in pairs]), max_length).to_list()
    expected = [cut_pair(a, b, max_length - 3) for a, b in pairs]
    assert packed == [[START_ID, *a, END_ID, *b, END_ID] for a, b in expected]
    assert max(map(len, packed)) <= max_length
