import numpy as np
import pytest
import tensorflow as tf

from tfmtl.generation.greedy import greedy_search

PAD, START, END = 0, 1, 2


def greedy_loop(model, row, options):
    """The definition, without n-grams: the best piece of those that may stand there, one after the other."""
    written = ()
    while len(written) < options.max_length and END not in written:
        scores = model.next(row, written).copy()
        scores[[PAD, START]] = -np.inf
        if len(written) < options.min_length:
            scores[END] = -np.inf
        written += (int(np.argmax(scores)),)
    return written


@pytest.mark.parametrize("min_length", [0, 3])
def test_equals_a_plain_loop(history_model, search_options, written, min_length):
    model, options = history_model(), search_options(max_length=9, min_length=min_length)
    result = greedy_search(model.step, *model.states(tf.range(12)), options)
    expected = [greedy_loop(model, row, options) for row in range(12)]
    assert written(result) == expected
    assert {len(pieces) for pieces in expected} >= {min_length + 1, 9}, "rows should end early, and be cut"
    np.testing.assert_allclose(
        result.log_probabilities, [model.total(row, pieces) for row, pieces in enumerate(expected)], rtol=1e-5
    )


def test_stops_when_every_row_has_ended(search_options):
    steps = tf.Variable(0)

    def step(tokens, position, cache, context):
        steps.assign_add(1)
        return tf.where(position >= context[:, tf.newaxis], tf.one_hot([END], 5), tf.one_hot([3], 5)) - 1.0, cache

    result = tf.function(lambda ends: greedy_search(step, (), ends, search_options(max_length=50)), autograph=False)(
        tf.constant([1, 4])
    )
    np.testing.assert_array_equal(result.lengths, [2, 5])
    assert steps.numpy() == 5


def test_start_mark_may_be_padding_or_end(history_model, search_options):
    model = history_model()
    for start in (PAD, END):
        options = search_options(start_id=start)
        result = greedy_search(model.step, *model.states(tf.range(12)), options)
        assert result.lengths.numpy().max() > 1
