"""What a search calls, what it keeps while it writes, and what it returns."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

# A dict, tuple or list of tensors, nested in any way.
Nest = Any

# `step(tokens, position, cache, context) -> (log_probabilities, cache)` reads the piece written last and says what may
# come next: `tokens` int32 `[rows]` (the start mark at first), `position` int32 scalar (0 at first), `cache` and
# `context` nests of tensors with leading dimension `rows`, `log_probabilities` float32 `[rows, vocabulary]`. The cache
# is what the step writes itself, of shapes that do not change; the context is what stays as it was.
Step = Callable[[tf.Tensor, tf.Tensor, Nest, Nest], tuple[tf.Tensor, Nest]]


class Sequences(NamedTuple):
    """The sequence that a search has found for each row of a batch.

    Attributes:
        tokens: int32 `[batch, max_length]`: the pieces, the end mark, then padding; where `max_length` cut a sequence,
            there is no end mark.
        lengths: int32 `[batch]`: how many of them are not padding; the end mark counts.
        log_probabilities: float32 `[batch]`: the sum over these pieces and the end mark, without a length penalty.
    """

    tokens: tf.Tensor
    lengths: tf.Tensor
    log_probabilities: tf.Tensor


def sequences(tokens: tf.Tensor, log_probabilities: tf.Tensor, pad_id: int) -> Sequences:
    """Returns the sequences with their lengths; no search writes the padding mark before the end."""
    lengths = tf.reduce_sum(tf.cast(tokens != pad_id, tf.int32), axis=-1)
    return Sequences(tokens, lengths, log_probabilities)


def batch_size(*states: Nest) -> tf.Tensor:
    """The leading dimension, an int32 scalar, of the tensors in `states`.

    Raises:
        ValueError: where there is none.
    """
    tensors = tf.nest.flatten(states)
    if not tensors:
        raise ValueError("the cache and the context of a search hold no tensor: the size of the batch is unknown")
    return tf.shape(tensors[0])[0]


def write(tokens: tf.Tensor, position: tf.Tensor, pieces: tf.Tensor) -> tf.Tensor:
    """Returns `tokens` `[..., max_length]` with `pieces` `[...]` at `position`."""
    here = tf.range(tf.shape(tokens)[-1]) == position
    return tf.where(here, pieces[..., tf.newaxis], tokens)
