"""Gaps and answers, by the definitions: counts from the lengths alone, and nothing lost between the two."""

from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.data.special_tokens import END_ID, GAP_ID, PAD_ID, START_ID
from tfmtl.kinds.denoising.span_corruption import _segments, answer_length, corrupt


def packed(lengths, room=None):
    """Texts of distinct pieces, such that a place can be told by its piece."""
    rows = [[START_ID, *range(10, 10 + length), END_ID] for length in lengths]
    room = room or max(map(len, rows))
    return np.array([row + [PAD_ID] * (room - len(row)) for row in rows], np.int32)


def stripped(row):
    return [int(piece) for piece in row if piece != PAD_ID]


def filled(text, answer):
    """The text with each gap replaced by what the answer has behind its mark."""
    assert answer[0] == START_ID and answer[-1] == END_ID
    spans: list[list[int]] = []
    for piece in answer[1:-1]:
        if piece == GAP_ID:
            spans.append([])
        else:
            spans[-1].append(piece)
    assert all(spans) and text.count(GAP_ID) == len(spans)
    following = iter(spans)
    return [piece for place in text for piece in (next(following) if place == GAP_ID else [place])]


@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.integers(2, 70), min_size=1, max_size=6),
    density=st.sampled_from([0.05, 0.15, 0.5, 0.9]),
    mean_span=st.sampled_from([1.0, 3.0, 10.0]),
    seed=st.integers(0, 1000),
)
def test_the_answer_fills_the_gaps_and_counts_are_those_of_the_paper(lengths, density, mean_span, seed):
    tokens = packed(lengths, room=max(lengths) + 5)
    texts, answers = corrupt(tf.constant(tokens), tf.constant([seed, 3]), density, mean_span)
    assert texts.shape == tokens.shape
    assert answers.shape == [len(lengths), int(answer_length(max(lengths) + 5, density, mean_span))]
    for row, length in enumerate(lengths):
        text, answer = stripped(texts[row]), stripped(answers[row])
        assert filled(text, answer) == stripped(tokens[row])
        missing = min(max(round(length * density), 1), length - 1)
        gaps = min(max(round(missing / mean_span), 1), length - missing)
        assert text.count(GAP_ID) == gaps and len(answer) == missing + gaps + 2
        # Gaps do not touch, and the first piece is kept.
        assert text[1] != GAP_ID and all(pair != (GAP_ID, GAP_ID) for pair in pairwise(text))


def test_texts_too_short_for_a_gap_are_left_as_they_are_without_an_answer():
    tokens = np.array([[PAD_ID] * 5, [START_ID, END_ID, 0, 0, 0], [START_ID, 10, END_ID, 0, 0]], np.int32)
    texts, answers = corrupt(tf.constant(tokens), tf.constant([0, 0]), 0.5, 1.0)
    np.testing.assert_array_equal(texts, tokens)
    assert not np.any(answers)


def test_the_same_seed_takes_out_the_same_and_another_something_else():
    tokens = tf.constant(packed([40] * 8))
    first, again, other = (corrupt(tokens, tf.constant([1, k]), 0.15, 3.0)[0].numpy() for k in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any(axis=1).all()


def test_each_piece_but_the_first_is_taken_out_about_as_often():
    """Of 9 pieces three are taken out in two gaps: by counting all ways, how likely each of them is."""
    ways = []
    for kept in [(a, 6 - a) for a in range(1, 6)]:
        for missing in [(1, 2), (2, 1)]:
            flags = [0] * kept[0] + [1] * missing[0] + [0] * kept[1] + [1] * missing[1]
            ways.append(flags)
    expected = np.mean(ways, axis=0)
    rows = 4000
    _, answers = corrupt(tf.constant(packed([9] * rows)), tf.constant([7, 7]), 1 / 3, 1.5)
    taken = np.array([[piece in set(stripped(answer)) for piece in range(10, 19)] for answer in answers.numpy()])
    np.testing.assert_allclose(taken.mean(axis=0), expected, atol=4 * 0.5 / np.sqrt(rows))


def test_numbers_are_split_in_all_ways_alike():
    rows = 6000
    found = _segments(tf.fill([rows], 5), tf.fill([rows], 3), 7, tf.constant([1, 2])).numpy()
    assert not found[:, 3:].any() and (found[:, :3] > 0).all() and (found.sum(axis=1) == 5).all()
    ways, counts = np.unique(found[:, :3], axis=0, return_counts=True)
    assert len(ways) == 6
    np.testing.assert_allclose(counts / rows, 1 / 6, atol=4 * np.sqrt(1 / 6 * 5 / 6 / rows))


@pytest.mark.parametrize("length", [2, 3, 4, 50])
def test_it_is_graph_code_for_all_lengths(length):
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([2], tf.int64)])
    def run(tokens, seed):
        traces.append(1)
        return corrupt(tokens, seed, 0.15, 3.0)

    for size in (length, length + 3):
        texts, answers = run(packed([size - 2]), [0, 1])
        assert texts.shape == (1, size) and answers.shape == (1, int(answer_length(size, 0.15, 3.0)))
    assert len(traces) == 1
