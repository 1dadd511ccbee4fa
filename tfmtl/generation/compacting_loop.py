"""A loop over a shrinking batch, which rows leave when they are done."""

from collections.abc import Callable
from typing import Protocol

import tensorflow as tf

from tfmtl.generation.sequences import Nest


class State(Protocol):
    """What a search keeps while it writes: a named tuple of nests of tensors.

    The leading dimension of each tensor is a multiple of the number of rows; the hypotheses of a row are side by side.

    Attributes:
        undone: bool `[rows]`: whether a row has not found its sequence yet.
    """

    undone: tf.Tensor


def until_done(
    advance: Callable[[tf.Tensor, State, Nest], State],
    answer: Callable[[State], Nest],
    state: State,
    context: Nest,
    steps: int,
) -> Nest:
    """Advances a search until each row is done or has taken all steps; returns the answer of each.

    A batch takes as many steps as its slowest row. As soon as half of the rows are done, the others continue without
    them, so that most of each step is for rows that need it.

    Args:
        advance: `(position, state, context) -> state`: one step; `position` is an int32 scalar, 0 at first.
        answer: computes the answers of rows that are done from a state: a nest of tensors `[rows, ...]`.
        state: the state before the first step.
        context: the tensors that steps only read, with leading dimensions as in the state.
        steps: the maximum number of steps.
    """

    def any_is_left(position, rows, *_):
        return tf.logical_and(position < steps, tf.size(rows) > 0)

    def until_half_are_done(position, rows, state, context, answers):
        def most_go_on(position, state):
            going = tf.math.count_nonzero(state.undone, dtype=tf.int32)
            return tf.logical_and(position < steps, going > tf.size(rows) // 2)

        def step(position, state):
            return position + 1, _shaped_like(state, advance(position, state, context))

        position, state = tf.while_loop(most_go_on, step, (position, state))
        answers = tf.nest.map_structure(
            lambda of_all, of_these: tf.tensor_scatter_nd_update(of_all, rows[:, tf.newaxis], of_these),
            answers,
            answer(state),
        )
        return position, *_undone_rows((rows, state, context), state.undone), answers

    start = tf.constant(0), tf.range(tf.size(state.undone)), state, context, answer(state)
    shapes = tf.nest.map_structure(lambda tensor: _any_rows(tensor.shape), start)
    return tf.while_loop(any_is_left, until_half_are_done, start, shape_invariants=shapes)[-1]


def _undone_rows(nest: Nest, undone: tf.Tensor) -> Nest:
    """Returns only the rows `undone` of all tensors, with all of their hypotheses."""
    rows = tf.cast(tf.where(undone), tf.int32)

    def take(tensor: tf.Tensor) -> tf.Tensor:
        hypotheses = tf.shape(tensor)[0] // tf.size(undone)
        return tf.gather(tensor, tf.reshape(rows * hypotheses + tf.range(hypotheses), [-1]))

    return tf.nest.map_structure(take, nest)


def _shaped_like(before: Nest, after: Nest) -> Nest:
    return tf.nest.map_structure(lambda old, new: tf.ensure_shape(new, old.shape), before, after)


def _any_rows(shape: tf.TensorShape) -> tf.TensorShape:
    return tf.TensorShape([None, *shape[1:]]) if shape.rank else shape
