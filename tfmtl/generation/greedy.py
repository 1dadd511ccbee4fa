"""Greedy search: at each step the most probable piece."""

import tensorflow as tf

from tfmtl.generation.constraints import constrain
from tfmtl.generation.options import SearchOptions
from tfmtl.generation.sequences import Nest, Sequences, Step, batch_size, loop, sequences, write


def greedy_search(step: Step, cache: Nest, context: Nest, options: SearchOptions) -> Sequences:
    """Writes the most probable allowed piece until each row has its end mark or `max_length` pieces.

    Args:
        step: the decoder, see `tfmtl.generation.sequences.Step`.
        cache: what the step reads and writes; each tensor's leading dimension is the batch.
        context: what the step only reads; likewise.
        options: the constraints and special pieces; `beams` and `length_penalty` have no part.
    """
    batch = batch_size(cache, context)

    def unfinished(position, pieces, tokens, totals, cache):
        return tf.reduce_any(_runs(pieces, position, options))

    def advance(position, pieces, tokens, totals, cache):
        runs = _runs(pieces, position, options)
        log_probabilities, cache = step(pieces, position, cache, context)
        allowed = constrain(log_probabilities, tokens, position, options)
        pieces = tf.where(runs, tf.argmax(allowed, axis=-1, output_type=tf.int32), options.pad_id)
        totals += tf.where(runs, tf.reduce_max(allowed, axis=-1), 0.0)
        return position + 1, pieces, write(tokens, position, pieces), totals, cache

    start = (
        tf.constant(0),
        tf.fill([batch], options.start_id),
        tf.fill([batch, options.max_length], options.pad_id),
        tf.zeros([batch]),
        cache,
    )
    _, _, tokens, totals, _ = loop(unfinished, advance, start, options.max_length)
    return sequences(tokens, totals, options.pad_id)


def _runs(pieces: tf.Tensor, position: tf.Tensor, options: SearchOptions) -> tf.Tensor:
    """Bool `[batch]`: rows whose last piece ended nothing. The first step reads start marks, whatever their id."""
    ended = tf.logical_or(pieces == options.end_id, pieces == options.pad_id)
    return tf.logical_or(position == 0, tf.logical_not(ended))
