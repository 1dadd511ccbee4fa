"""Decides whether a text answers a question: by a threshold of how much more probable no answer is than the best span.

This is the rule of SQuAD 2.0 (Devlin et al. 2019, section 4.3; Rajpurkar et al. 2018): the best span is the answer if
the likelihood of no answer exceeds its own by less than a threshold, which is chosen on rows with known answers.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

UNLIKELIER = 0.0
"""The threshold before one is chosen: the more probable of both is the answer."""
_BEST = "best_"
_SMALLEST_GAIN = 1e-9
"""Scores that differ by less than this, which is the noise of their sums, are equal."""


def decided(
    best: Mapping[str, tf.Tensor], likelihood: tf.Tensor, likelihood_of_none: tf.Tensor, threshold: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Returns the outputs of a task, and what they are decided from, in graph.

    Args:
        best: the best span of each row: `answer`, string, and its offsets `start` and `end`, int32 `[batch]`.
        likelihood: the logarithm of its probability, float32 `[batch]`.
        likelihood_of_none: that of no answer, likewise.
        threshold: the threshold, a float32 scalar.
    """
    is_answered = likelihood_of_none - likelihood < threshold
    outputs = {name: tf.where(is_answered, values, tf.zeros([], values.dtype)) for name, values in best.items()}
    outputs["score"] = tf.exp(tf.where(is_answered, likelihood, likelihood_of_none))
    kept = {f"{_BEST}{name}": values for name, values in best.items()}
    return {**outputs, **kept, "likelihood": likelihood, "likelihood_of_none": likelihood_of_none}


def decided_again(answer: Mapping[str, np.ndarray], threshold: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns what `decided` returned, by another threshold, from its outputs as arrays."""
    best = {name.removeprefix(_BEST): tf.constant(values) for name, values in answer.items() if name.startswith(_BEST)}
    return decided(best, *(tf.constant(answer[name]) for name in ("likelihood", "likelihood_of_none")), threshold)


def best_answers(answer: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the best span of each row, whether or not it is the answer, `[rows]`."""
    return answer[f"{_BEST}answer"]


def best_threshold(margins: np.ndarray, gains: np.ndarray) -> float:
    """Returns the threshold with the best mean score.

    It lies midway between two margins that occur, or just beyond all of them. Rows with the same margin are answered
    together. The threshold is 0 if no other one is better; of several others, the lowest one.

    Args:
        margins: by how much the likelihood of no answer exceeds that of the best span, float32 `[rows]`.
        gains: the score of the best span less that of no answer, `[rows]`.
    """
    order = np.argsort(margins, kind="stable")
    ranked = margins[order].astype(np.float32)
    scores = np.append(0.0, np.cumsum(gains[order]))
    apart = np.diff(ranked, prepend=-np.inf, append=np.inf) > 0
    usual = int(np.count_nonzero(ranked < UNLIKELIER))
    highest = scores[apart].max()
    if scores[usual] >= highest - _SMALLEST_GAIN:
        return UNLIKELIER
    answered = int(np.argmax(apart & (scores >= highest - _SMALLEST_GAIN)))
    if answered == 0:
        return float(ranked[0])
    last = ranked[answered - 1]
    beyond = np.nextafter(last, np.float32(np.inf))
    if answered == len(ranked):
        return float(beyond)
    return float(max(beyond, np.float32((np.float64(last) + np.float64(ranked[answered])) / 2.0)))
