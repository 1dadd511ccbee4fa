"""Beam search: the best of several hypotheses that are written side by side."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfmtl.generation.compacting_loop import until_done
from tfmtl.generation.constraints import FORBIDDEN, constrain, is_allowed
from tfmtl.generation.options import SearchOptions
from tfmtl.generation.sequences import Nest, Sequences, Step, batch_size, sequences, write
from tfmtl.generation.top_k import top_k


class _Running(NamedTuple):
    """The hypotheses that may be continued, the most probable first; forbidden ones fill up the rest.

    Attributes:
        tokens: int32 `[batch, beams, max_length]`.
        last_tokens: int32 `[batch, beams]`, the last token of each.
        totals: float32 `[batch, beams]`, their log-probabilities.
    """

    tokens: tf.Tensor
    last_tokens: tf.Tensor
    totals: tf.Tensor


class _Ended(NamedTuple):
    """The best hypothesis with an end mark; its score is `FORBIDDEN` if there is none yet.

    Only the best is needed, and it is final once its row is done.

    Attributes:
        tokens: int32 `[batch, max_length]`.
        totals: float32 `[batch]`, the log-probability.
        scores: float32 `[batch]`, the same with the length penalty.
    """

    tokens: tf.Tensor
    totals: tf.Tensor
    scores: tf.Tensor


class _State(NamedTuple):
    """The hypotheses written so far.

    Attributes:
        undone: bool `[batch]`: whether the best hypothesis of a row may not have been found yet.
        running: the hypotheses that may be continued.
        ended: the best hypothesis that has ended.
        cache: the cache of the step, for `batch * beams` hypotheses.
    """

    undone: tf.Tensor
    running: _Running
    ended: _Ended
    cache: Nest


class _Candidates(NamedTuple):
    """The `2 * beams` best continuations, the most probable first, which include `beams` without an end mark.

    Attributes:
        tokens: int32 `[batch, 2 * beams, max_length]`.
        last_tokens: int32 `[batch, 2 * beams]`, the last token of each.
        totals: float32 `[batch, 2 * beams]`, their log-probabilities.
        parents: int32 `[batch, 2 * beams]`, the running hypotheses that they continue.
    """

    tokens: tf.Tensor
    last_tokens: tf.Tensor
    totals: tf.Tensor
    parents: tf.Tensor


def beam_search(step: Step, cache: Nest, context: Nest, options: SearchOptions) -> Sequences:
    """Writes `beams` hypotheses side by side and returns the best by log-probability over length penalty.

    The penalty is that of Wu et al. 2016, eq. 14. A hypothesis has ended when its end mark is among the `beams` best
    continuations of its row. A row is done when its best running hypothesis does not beat its best ended one: with
    `early_stopping`, even if it ended with the next token at no cost; otherwise, even if it lost no more
    log-probability and had the penalty of `max_length`. Other rows have no influence. A row in which no hypothesis has
    ended by `max_length` returns its most probable one, cut.

    Args:
        step: the decoder, see `tfmtl.generation.sequences.Step`; it sees `batch * beams` rows.
        cache: the tensors that the step reads and writes; each tensor's leading dimension is the batch. The search
            reorders them with the hypotheses.
        context: the tensors that the step only reads; likewise, but never reordered, since a row's hypotheses share it.
        options: the beams, the length penalty, the constraints and the special tokens.
    """
    penalties = _length_penalties(options)

    def advance(position: tf.Tensor, state: _State, context: Nest) -> _State:
        last_tokens = tf.reshape(state.running.last_tokens, [-1])
        log_probabilities, cache = step(last_tokens, position, state.cache, context)
        tokens = tf.reshape(state.running.tokens, [-1, options.max_length])
        allowed = constrain(log_probabilities, tokens, position, options)
        candidates = _best(state.running, position, allowed)
        ended = _end(state, candidates, penalties[position], options)
        running, parents = _continue(candidates, options)
        last = options.max_length - 1
        penalty = penalties[tf.minimum(position + 1, last) if options.early_stopping else last]
        undone = tf.logical_and(state.undone, _scores(running.totals[:, 0], penalty) > ended.scores)
        return _State(undone, running, ended, _reorder(cache, parents))

    batch = batch_size(cache, context)
    start = _State(
        undone=tf.fill([batch], True),
        running=_first(batch, options),
        ended=_none_ended(batch, options),
        cache=_repeat(cache, options.beams),
    )
    tokens, totals = until_done(advance, _answer, start, _repeat(context, options.beams), options.max_length)
    return sequences(tokens, totals, options.pad_id)


def _answer(state: _State) -> tuple[tf.Tensor, tf.Tensor]:
    """The best ended hypothesis, int32 `[rows, max_length]`, with its total; the best running one if there is none."""
    is_cut = state.ended.scores <= FORBIDDEN
    tokens = tf.where(is_cut[:, tf.newaxis], state.running.tokens[:, 0], state.ended.tokens)
    return tokens, tf.where(is_cut, state.running.totals[:, 0], state.ended.totals)


def _length_penalties(options: SearchOptions) -> tf.Tensor:
    """Float32 `[max_length]`: `((5 + length) / 6) ** alpha` of 1, 2, ... tokens (Wu et al. 2016, eq. 14)."""
    lengths = np.arange(1, options.max_length + 1)
    return tf.constant(((5.0 + lengths) / 6.0) ** options.length_penalty, tf.float32)


def _scores(totals: tf.Tensor, penalty: tf.Tensor) -> tf.Tensor:
    return tf.where(is_allowed(totals), totals / penalty, FORBIDDEN)


def _first(batch: tf.Tensor, options: SearchOptions) -> _Running:
    """One empty hypothesis per row: several equal ones would have equal continuations."""
    totals = tf.one_hot(0, options.beams, on_value=0.0, off_value=FORBIDDEN)
    return _Running(
        tokens=tf.fill([batch, options.beams, options.max_length], options.pad_id),
        last_tokens=tf.fill([batch, options.beams], options.start_id),
        totals=tf.tile(totals[tf.newaxis], [batch, 1]),
    )


def _none_ended(batch: tf.Tensor, options: SearchOptions) -> _Ended:
    forbidden = tf.fill([batch], FORBIDDEN)
    return _Ended(tf.fill([batch, options.max_length], options.pad_id), forbidden, forbidden)


def _best(running: _Running, position: tf.Tensor, log_probabilities: tf.Tensor) -> _Candidates:
    """The best continuations, from `log_probabilities` float32 `[batch * beams, vocabulary]`."""
    beams = running.totals.shape[1]
    # The best of each hypothesis come first, so that totals are added to these alone and not to the whole vocabulary.
    count = min(2 * beams, log_probabilities.shape[-1])
    best, best_tokens = top_k(log_probabilities, count)
    totals = tf.reshape(running.totals, [-1, 1]) + best
    totals, indices = tf.math.top_k(tf.reshape(totals, [-1, beams * count]), 2 * beams)
    parents = indices // count
    last_tokens = tf.gather(tf.reshape(best_tokens, [-1, beams * count]), indices, batch_dims=1)
    tokens = write(tf.gather(running.tokens, parents, batch_dims=1), position, last_tokens)
    return _Candidates(tokens, last_tokens, totals, parents)


def _end(state: _State, candidates: _Candidates, penalty: tf.Tensor, options: SearchOptions) -> _Ended:
    """The best of the ended hypothesis and, in undone rows, of the first `beams` candidates that end now."""
    first = _Candidates(*(field[:, : options.beams] for field in candidates))
    scores = tf.where(first.last_tokens == options.end_id, _scores(first.totals, penalty), FORBIDDEN)
    best = tf.argmax(scores, axis=-1, output_type=tf.int32)
    new = _Ended(*(tf.gather(field, best, batch_dims=1) for field in (first.tokens, first.totals, scores)))
    ended = state.ended
    is_better = tf.logical_and(state.undone, new.scores > ended.scores)
    return _Ended(
        tf.where(is_better[:, tf.newaxis], new.tokens, ended.tokens),
        tf.where(is_better, new.totals, ended.totals),
        tf.where(is_better, new.scores, ended.scores),
    )


def _continue(candidates: _Candidates, options: SearchOptions) -> tuple[_Running, tf.Tensor]:
    """The best candidates without an end mark, and the hypotheses int32 `[batch, beams]` that they continue."""
    order = tf.where(candidates.last_tokens == options.end_id, tf.float32.min, candidates.totals)
    best = tf.math.top_k(order, options.beams).indices
    *running, parents = (tf.gather(field, best, batch_dims=1) for field in candidates)
    return _Running(*running), parents


def _repeat(state: Nest, beams: int) -> Nest:
    return tf.nest.map_structure(lambda tensor: tf.repeat(tensor, beams, axis=0), state)


def _reorder(cache: Nest, parents: tf.Tensor) -> Nest:
    """The cache with the rows of the hypotheses that are continued, from `parents` int32 `[batch, beams]`."""
    batch, beams = tf.shape(parents)[0], parents.shape[1]
    rows = tf.reshape(tf.range(batch)[:, tf.newaxis] * beams + parents, [-1])
    return tf.nest.map_structure(lambda tensor: tf.gather(tensor, rows), cache)
