import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.data.packing import Packing, pack_target
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
    packed = Packing(max_length).text(ragged(rows)).to_list()
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
    packed = Packing(max_length).pair(ragged([a for a, _ in pairs]), ragged([b for _, b in pairs])).to_list()
    expected = [cut_pair(a, b, max_length - 3) for a, b in pairs]
    assert packed == [[START_ID, *a, END_ID, *b, END_ID] for a, b in expected]
    assert max(map(len, packed)) <= max_length


def kept(row, room, overflow):
    """The part of a text that is read, token by token."""
    if overflow == "end" or len(row) <= room:
        return row[:room]
    head = room // 4 if overflow == "head_tail" else 0
    return [*row[:head], *row[len(row) - room + head :]]


@few
@given(ROWS, LENGTHS, st.sampled_from(["end", "start", "head_tail"]))
def test_a_text_loses_the_part_that_is_asked_for(rows, max_length, overflow):
    packing = Packing(max_length, overflow)
    packed = packing.text(ragged(rows)).to_list()
    assert packed == [[START_ID, *kept(row, max_length - 2, overflow), END_ID] for row in rows]
    needed = packing.needed(np.array([len(row) for row in rows]))
    assert [len(row) for row in packed] == np.minimum(needed, packing.longest).tolist()


@few
@given(st.lists(st.tuples(*[st.lists(st.integers(4, 20), max_size=14)] * 2), min_size=1, max_size=5), LENGTHS)
def test_of_a_pair_each_text_loses_that_part(pairs, max_length):
    packed = Packing(max_length, "start").pair(ragged([a for a, _ in pairs]), ragged([b for _, b in pairs])).to_list()
    cut = [cut_pair(a, b, max_length - 3) for a, b in pairs]
    expected = [(a[len(a) - len(c) :], b[len(b) - len(d) :]) for (a, b), (c, d) in zip(pairs, cut, strict=True)]
    assert packed == [[START_ID, *a, END_ID, *b, END_ID] for a, b in expected]


@few
@given(ROWS, LENGTHS, st.integers(1, 4))
def test_windows_hold_the_whole_text_one_after_the_other(rows, max_length, windows):
    packing, room = Packing(max_length, "windows", windows), max_length - 2
    packed = packing.text(ragged(rows)).to_list()
    for row, found in zip(rows, packed, strict=True):
        parts = [row[start : start + room] for start in range(0, max(len(row), 1), room)][:windows]
        assert found == [token for part in parts for token in (START_ID, *part, END_ID)]
        # All windows but the last are full, so that a row can be cut into them at multiples of their length.
        assert len(found) <= packing.longest == windows * max_length
    needed = packing.needed(np.array([len(row) for row in rows]))
    assert [len(row) for row in packed] == np.minimum(needed, packing.longest).tolist()
