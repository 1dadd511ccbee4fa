import numpy as np
import pytest
import tensorflow as tf

from tfmtl.data.units import WORDS_AND_SIGNS, UnitsOfBatch
from tfmtl.kinds.question_answering.spans import BestSpan, best_span, cut_out
from tfmtl.models.layers.tokens import MASKED_SCORE

ROWS, LENGTH = 6, 9


def read(numbers, rows):
    rows = list(rows)
    return UnitsOfBatch(tf.constant(numbers), tf.constant(rows), tf.constant([""] * (max(rows) + 1)))


def by_search(scores, numbers, longest):
    """The best span of one row, found by trying all, and the probability of no answer."""
    chances = np.exp(scores) / np.exp(scores).sum(axis=0)
    best = (0.0, 0, 0)
    for one in range(LENGTH):
        for other in range(LENGTH):
            first, last = numbers[one], numbers[other]
            if 0 < first <= last < first + longest:
                best = max(best, (chances[one, 0] * chances[other, 1], first, last))
    return best, chances[0, 0] * chances[0, 1]


@pytest.mark.parametrize("longest", [1, 3, 30])
def test_the_best_span_is_that_of_a_search(longest):
    generator = np.random.default_rng(longest)
    scores = generator.normal(scale=2.0, size=(ROWS, LENGTH, 2)).astype(np.float32)
    numbers = np.int32([[0, 0, 0, 1, 2, 0, 3, 4, 0]] * ROWS)
    found = best_span(tf.constant(scores), read(numbers, range(ROWS)), longest)
    for row in range(ROWS):
        (score, first, last), none = by_search(scores[row], numbers[row], longest)
        assert (int(found.first[row]), int(found.last[row])) == (first, last)
        assert np.exp(found.likelihood[row]) == pytest.approx(score, rel=1e-5)
        assert np.exp(found.likelihood_of_none[row]) == pytest.approx(none, rel=1e-5)


def test_of_several_windows_the_most_probable_span_counts():
    generator = np.random.default_rng(0)
    scores = generator.normal(scale=2.0, size=(ROWS, LENGTH, 2)).astype(np.float32)
    numbers = np.int32([[0, 0, 0, 1, 2, 0, 3, 4, 0], [0, 0, 0, 4, 5, 0, 0, 6, 0]] * 3)
    found = best_span(tf.constant(scores), read(numbers, [0, 0, 1, 1, 2, 2]), 3)
    for row in range(3):
        windows = [by_search(scores[k], numbers[k], 3) for k in (2 * row, 2 * row + 1)]
        score, first, last = max(best for best, _ in windows)
        assert (int(found.first[row]), int(found.last[row])) == (first, last)
        assert np.exp(found.likelihood[row]) == pytest.approx(score, rel=1e-5)
        assert np.exp(found.likelihood_of_none[row]) == pytest.approx(min(none for _, none in windows), rel=1e-5)


def test_a_row_without_units_has_no_span():
    found = best_span(tf.zeros([1, 4, 2]), read(np.zeros([1, 4], np.int32), [0]), 5)
    assert (int(found.first[0]), int(found.last[0]), float(found.likelihood[0])) == (0, 0, np.float32(MASKED_SCORE))
    assert float(found.likelihood_of_none[0]) == pytest.approx(np.log(1 / 16))


def test_offsets_are_in_characters():
    texts = ["Zoë  met 日本!", "a b", "", "x"]
    split = WORDS_AND_SIGNS.split(tf.constant(texts))
    span = BestSpan(tf.constant([2, 1, 0, 0]), tf.constant([4, 2, 0, 0]), tf.zeros(4), tf.zeros(4))
    found = {name: values.numpy().tolist() for name, values in cut_out(tf.constant(texts), split, span).items()}
    assert [answer.decode() for answer in found["answer"]] == ["met 日本", "a b", "", ""]
    assert (found["start"], found["end"]) == ([5, 0, 0, 0], [11, 3, 0, 0])
    for text, answer, start, end in zip(texts, found["answer"], found["start"], found["end"], strict=True):
        assert text[start:end] == answer.decode()
