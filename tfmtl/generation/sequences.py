"""The types of a search: the step that it calls, the tensors that it keeps, and the sequences that it returns."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

# A dict, tuple or list of tensors, nested in any way.
Nest = Any

# `step(tokens, position, cache, context) -> (log_probabilities, cache)` reads the token written last and returns the
# log-probabilities of the next one: `tokens` int32 `[rows]` (the start mark at first), `position` int32 scalar (0 at
# first), `cache` and `context` nests of tensors with leading dimension `rows`, `log_probabilities` float32
# `[rows, vocabulary]`. The cache is what the step itself writes, in shapes that do not change; the context does not
# change.
Step = Callable[[tf.Tensor, tf.Tensor, Nest, Nest], tuple[tf.Tensor, Nest]]


class Sequences(NamedTuple):
    """The sequence that a search has found for each row of a batch.

    Attributes:
        tokens: int32 `[batch, max_length]`: the tokens, the end mark, then padding; there is no end mark if
            `max_length` cut the sequence.
        lengths: int32 `[batch]`: the number of tokens that are not padding, including the end mark.
        log_probabilities: float32 `[batch]`: the sum over these tokens and the end mark, without a length penalty.
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
        ValueError: if there are no tensors.
    """
    tensors = tf.nest.flatten(states)
    if not tensors:
        raise ValueError("the cache and the context of a search hold no tensor: the size of the batch is unknown")
    return tf.shape(tensors[0])[0]


def write(tokens: tf.Tensor, position: tf.Tensor, last_tokens: tf.Tensor) -> tf.Tensor:
    """Returns `tokens` `[..., max_length]` with `last_tokens` `[...]` at `position`."""
    here = tf.range(tf.shape(tokens)[-1]) == position
    return tf.where(here, last_tokens[..., tf.newaxis], tokens)
