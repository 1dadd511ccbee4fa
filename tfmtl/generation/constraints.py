"""The constraints on the next token."""

import tensorflow as tf

from tfmtl.generation.options import SearchOptions

# Finite stand-ins for minus infinity, whose sums and differences stay numbers. A token to which the model gives no
# probability costs IMPOSSIBLE; it is still preferred to a forbidden one, whatever the length (up to 50,000 tokens).
IMPOSSIBLE = -1e4
FORBIDDEN = -1e9


def is_allowed(log_probabilities: tf.Tensor) -> tf.Tensor:
    """Whether sums of log-probabilities contain no forbidden token: bool, in the shape of the argument."""
    return log_probabilities > FORBIDDEN / 2


def constrain(
    log_probabilities: tf.Tensor, tokens: tf.Tensor, position: tf.Tensor, options: SearchOptions
) -> tf.Tensor:
    """Returns the log-probabilities of the next token with those of forbidden tokens replaced by `FORBIDDEN`.

    The padding and start marks are forbidden, and so are the end mark before `min_length` tokens and any token that
    would complete an n-gram that the row already contains (Paulus et al. 2018). If nothing is left, the end mark is
    allowed.

    Args:
        log_probabilities: float32 `[rows, vocabulary]`; minus infinity is fine.
        tokens: int32 `[rows, max_length]`, the tokens written so far, without the start mark.
        position: int32 scalar, the number of tokens written so far.
        options: the constraints.

    Returns:
        float32 `[rows, vocabulary]`, finite, at most 0.
    """
    # At most 0, so that no later rounding above certainty can make a longer hypothesis better than its own prefix.
    most = tf.where(_forbidden_marks(tf.shape(log_probabilities)[-1], position, options), FORBIDDEN, 0.0)
    allowed = tf.minimum(tf.maximum(log_probabilities, IMPOSSIBLE), most)
    if 0 < options.no_repeat_ngram <= options.max_length:
        allowed = _forbid_repeats(allowed, tokens, position, options)
    if not options.min_length:
        return allowed
    # Later, the end mark is allowed anyway, and one more pass over the vocabulary is saved.
    return tf.cond(
        position < options.min_length,
        lambda: _end_where_stuck(allowed, log_probabilities[:, options.end_id], options),
        lambda: allowed,
    )


def _forbidden_marks(vocabulary: tf.Tensor, position: tf.Tensor, options: SearchOptions) -> tf.Tensor:
    """Bool `[vocabulary]`: whether a token is a mark that is forbidden at `position`."""
    ids = tf.range(vocabulary)
    is_end = ids == options.end_id
    is_other = tf.logical_or(ids == options.pad_id, ids == options.start_id)
    return tf.where(is_end, position < options.min_length, is_other)


def _end_where_stuck(allowed: tf.Tensor, end: tf.Tensor, options: SearchOptions) -> tf.Tensor:
    """Allows the end mark, whose log-probability is `end` `[rows]`, in rows that have no other token left."""
    stuck = tf.logical_not(is_allowed(tf.reduce_max(allowed, axis=-1)))
    ends = tf.where(stuck, tf.clip_by_value(end, IMPOSSIBLE, 0.0), allowed[:, options.end_id])
    rows = tf.range(tf.shape(allowed)[0])
    column = tf.stack([rows, tf.fill(tf.shape(rows), options.end_id)], axis=-1)
    return tf.tensor_scatter_nd_update(allowed, column, ends)


def _forbid_repeats(allowed: tf.Tensor, tokens: tf.Tensor, position: tf.Tensor, options: SearchOptions) -> tf.Tensor:
    """Forbids the tokens that followed an earlier occurrence of the last n - 1 tokens of a row."""
    size = options.no_repeat_ngram
    windows = options.max_length - size + 1
    # Before the first n tokens are written the suffix is incomplete, but so is every window.
    suffix_starts = tf.maximum(position - size + 1, 0)
    repeats = tf.range(windows)[tf.newaxis] + size <= position
    for offset in range(size - 1):
        written = tokens[:, offset : offset + windows]
        suffix = tf.gather(tokens, suffix_starts + offset, axis=1)[:, tf.newaxis]
        repeats = tf.logical_and(repeats, written == suffix)
    # Windows that do not match point at the padding mark, which is forbidden anyway.
    followers = tf.where(repeats, tokens[:, size - 1 :], options.pad_id)
    rows = tf.broadcast_to(tf.range(tf.shape(tokens)[0])[:, tf.newaxis], tf.shape(followers))
    indices = tf.reshape(tf.stack([rows, followers], axis=-1), [-1, 2])
    return tf.tensor_scatter_nd_update(allowed, indices, tf.fill(tf.shape(indices)[:1], FORBIDDEN))
