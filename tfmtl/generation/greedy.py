"""Greedy search: the most probable token at each step."""

from typing import NamedTuple

import tensorflow as tf

from tfmtl.generation.compacting_loop import until_done
from tfmtl.generation.constraints import constrain
from tfmtl.generation.options import SearchOptions
from tfmtl.generation.sequences import Nest, Sequences, Step, batch_size, sequences, write


class _State(NamedTuple):
    """The sequences written so far.

    Attributes:
        undone: bool `[rows]`: whether a row has no end mark yet.
        last_tokens: int32 `[rows]`, the last token of each.
        tokens: int32 `[rows, max_length]`.
        totals: float32 `[rows]`, their log-probabilities.
        cache: the cache of the step.
    """

    undone: tf.Tensor
    last_tokens: tf.Tensor
    tokens: tf.Tensor
    totals: tf.Tensor
    cache: Nest


def greedy_search(step: Step, cache: Nest, context: Nest, options: SearchOptions) -> Sequences:
    """Writes the most probable allowed token until each row has its end mark or `max_length` tokens.

    Args:
        step: the decoder, see `tfmtl.generation.sequences.Step`.
        cache: the tensors that the step reads and writes; each tensor's leading dimension is the batch.
        context: the tensors that the step only reads; likewise.
        options: the constraints and the special tokens; `beams` and `length_penalty` have no effect.
    """

    def advance(position: tf.Tensor, state: _State, context: Nest) -> _State:
        log_probabilities, cache = step(state.last_tokens, position, state.cache, context)
        allowed = constrain(log_probabilities, state.tokens, position, options)
        best = tf.argmax(allowed, axis=-1, output_type=tf.int32)
        last_tokens = tf.where(state.undone, best, options.pad_id)
        totals = state.totals + tf.where(state.undone, tf.reduce_max(allowed, axis=-1), 0.0)
        undone = tf.logical_and(state.undone, last_tokens != options.end_id)
        return _State(undone, last_tokens, write(state.tokens, position, last_tokens), totals, cache)

    batch = batch_size(cache, context)
    start = _State(
        undone=tf.fill([batch], True),
        last_tokens=tf.fill([batch], options.start_id),
        tokens=tf.fill([batch, options.max_length], options.pad_id),
        totals=tf.zeros([batch]),
        cache=cache,
    )
    tokens, totals = until_done(advance, lambda state: (state.tokens, state.totals), start, context, options.max_length)
    return sequences(tokens, totals, options.pad_id)
