"""Finds the best answer from the scores of tokens, in graph."""

from typing import NamedTuple

import tensorflow as tf

from tfmtl.data.units import Split, UnitsOfBatch
from tfmtl.models.layers.tokens import MASKED_SCORE


class BestSpan(NamedTuple):
    """The best span of each row, and how probable it is that there is no answer.

    Attributes:
        first: the number of its first unit, from 1, int32 `[batch]`; 0 if no span is possible.
        last: the number of its last unit, likewise.
        likelihood: the logarithm of the probability of its first token times that of its last one, float32 `[batch]`;
            about `MASKED_SCORE` if no span is possible.
        likelihood_of_none: that of no answer, likewise.
    """

    first: tf.Tensor
    last: tf.Tensor
    likelihood: tf.Tensor
    likelihood_of_none: tf.Tensor


def best_span(scores: tf.Tensor, read: UnitsOfBatch, longest: int) -> BestSpan:
    """Returns the most probable span of each text.

    Of several windows, the most probable span counts, and no answer is as probable as it is in the window where it is
    least so (Devlin et al. 2019, section 4.3): that no window but one has an answer says nothing about the text.

    Args:
        scores: the scores of tokens as the begin and the end of an answer, float32 `[windows, length, 2]`; those of the
            first position are the scores of no answer.
        read: the units of the texts, and their windows.
        longest: the maximum number of units in a span.
    """
    numbers, rows, batch = read.numbers, read.rows, tf.size(read.texts)
    likelihoods = tf.nn.log_softmax(scores, axis=1)
    begins, ends = likelihoods[..., 0], likelihoods[..., 1]
    more = numbers[:, None, :] - numbers[:, :, None]
    possible = (numbers > 0)[:, None, :] & (numbers > 0)[:, :, None] & (more >= 0) & (more < longest)
    joint = tf.where(possible, begins[:, :, None] + ends[:, None, :], MASKED_SCORE)
    length = tf.shape(numbers)[1]
    flat = tf.reshape(joint, [-1, length * length])
    best = tf.argmax(flat, axis=1, output_type=tf.int32)
    of_window = tf.reduce_max(flat, axis=1)
    of_best = tf.math.unsorted_segment_max(of_window, rows, batch)
    of_none = tf.math.unsorted_segment_min(begins[:, 0] + ends[:, 0], rows, batch)
    # The first of the windows with the best span.
    places = tf.where(of_window == tf.gather(of_best, rows), tf.range(tf.size(rows)), tf.int32.max)
    window = tf.math.unsorted_segment_min(places, rows, batch)

    def number_at(places: tf.Tensor) -> tf.Tensor:
        found = tf.gather(numbers, places, batch_dims=1)
        return tf.where(of_best > MASKED_SCORE, tf.gather(found, window), 0)

    return BestSpan(number_at(best // length), number_at(best % length), of_best, of_none)


def cut_out(texts: tf.Tensor, split: Split, span: BestSpan) -> dict[str, tf.Tensor]:
    """Returns the text of each span and its offsets in characters, all empty or 0 where no span is possible.

    Args:
        texts: the texts, string `[batch]`.
        split: their units.
        span: the spans to cut out.
    """
    begin = _offset(split.begins, span.first)
    end = tf.maximum(_offset(split.ends, span.last), begin)
    answer = tf.strings.substr(texts, begin, end - begin)
    start = tf.strings.length(tf.strings.substr(texts, tf.zeros_like(begin), begin), unit="UTF8_CHAR")
    return {"answer": answer, "start": start, "end": start + tf.strings.length(answer, unit="UTF8_CHAR")}


def _offset(offsets: tf.RaggedTensor, numbers: tf.Tensor) -> tf.Tensor:
    """Returns the offsets of units by their numbers, int32 `[batch]`; 0 for the number 0."""
    # The value in front of all others is that of no unit.
    values = tf.concat([[0], offsets.flat_values], axis=0)
    places = tf.cast(offsets.row_starts(), tf.int32) + numbers
    return tf.cast(tf.gather(values, tf.where(numbers > 0, places, 0)), tf.int32)
