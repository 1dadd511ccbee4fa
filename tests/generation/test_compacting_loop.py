"""Rows that count down from a number each, and are done at zero."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.generation.compacting_loop import until_done


class Countdown(NamedTuple):
    undone: tf.Tensor
    left: tf.Tensor
    sums: tf.Tensor
    pairs: tf.Tensor


def count_down(numbers, steps):
    """Each row's sum of its label at each of its steps, in both of its hypotheses, and the rows that each step had."""
    rows_of_step = []

    def note(rows):
        rows_of_step.append(int(rows))
        return rows

    def advance(position, state, context):
        labels = context["labels"] + 0 * tf.py_function(note, [tf.size(state.left)], tf.int32)
        left = state.left - 1
        sums = state.sums + tf.where(state.undone, labels, 0)
        pairs = state.pairs + tf.repeat(tf.where(state.undone, labels, 0), 2) * tf.tile([1, -1], [tf.size(left)])
        return Countdown(left > 0, left, sums, pairs)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)] * 2, autograph=False)
    def run(numbers, labels):
        state = Countdown(numbers > -1, numbers, tf.zeros_like(labels), tf.zeros([2 * tf.size(labels)], tf.int32))
        return until_done(
            advance,
            lambda state: {"sums": state.sums, "pairs": tf.reshape(state.pairs, [-1, 2])},
            state,
            context_of(labels),
            steps,
        )

    def context_of(labels):
        return {"labels": labels}

    labels = np.arange(1, len(numbers) + 1, dtype=np.int32)
    return labels, run(tf.constant(numbers, tf.int32), labels), rows_of_step


def rows_by_the_rule(numbers, steps):
    """How many rows each step has: half of them leave together, as soon as so many are done."""
    rows, taken = list(numbers), []
    for position in range(steps):
        going = [number for number in rows if number > position]
        if len(going) <= len(rows) // 2:
            rows = going
        if not rows:
            break
        taken.append(len(rows))
    return taken


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9), max_size=9), st.integers(1, 8))
def test_each_row_takes_its_own_steps(numbers, steps):
    labels, found, rows_of_step = count_down(numbers, steps)
    expected = labels * np.minimum(numbers, steps).astype(int) if numbers else []
    np.testing.assert_array_equal(found["sums"], expected)
    np.testing.assert_array_equal(found["pairs"], np.stack([expected, -np.asarray(expected, int)], axis=-1))
    assert rows_of_step == rows_by_the_rule(numbers, steps)


def test_rows_leave_when_half_of_them_are_done():
    assert count_down([1, 2, 2, 5], 9)[2] == [4, 4, 1, 1, 1]
    assert count_down([3, 3, 3, 1], 9)[2] == [4, 4, 4]
    assert count_down([], 9)[2] == []


def test_what_grows_is_refused():
    def advance(position, state, context):
        return state._replace(left=tf.tile(state.left[:, tf.newaxis], [1, 2])[:, 0:2])

    state = Countdown(tf.fill([2], True), tf.zeros([2], tf.int32), tf.zeros([2]), tf.zeros([4]))
    with pytest.raises(ValueError, match="rank"):
        tf.function(lambda: until_done(advance, lambda state: state.sums, state, (), 3), autograph=False)()
