import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kinds.denoising.test_span_corruption import packed, stripped
from tfmtl.data.special_tokens import GAP_ID, PAD_ID, START_ID
from tfmtl.kinds.denoising.token_masking import answer_length, mask


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(2, 70), min_size=1, max_size=6),
    density=st.sampled_from([0.05, 0.15, 0.9]),
    seed=st.integers(0, 1000),
)
def test_the_answer_holds_the_hidden_pieces_in_their_order(lengths, density, seed):
    tokens = packed(lengths, room=max(lengths) + 5)
    texts, answers = (found.numpy() for found in mask(tf.constant(tokens), tf.constant([seed, 3]), density))
    assert texts.shape == tokens.shape
    assert answers.shape == (len(lengths), int(answer_length(max(lengths) + 5, density)))
    for row, length in enumerate(lengths):
        is_hidden = texts[row] == GAP_ID
        assert is_hidden.sum() == min(max(round(length * density), 1), length - 1)
        assert stripped(answers[row]) == [START_ID, *tokens[row][is_hidden]]
        np.testing.assert_array_equal(texts[row][~is_hidden], tokens[row][~is_hidden])


def test_every_piece_is_hidden_about_as_often_and_no_mark():
    rows = 4000
    texts, _ = mask(tf.constant(packed([8] * rows)), tf.constant([1, 1]), 0.25)
    shares = (texts.numpy() == GAP_ID).mean(axis=0)
    np.testing.assert_allclose(shares[1:-1], 0.25, atol=4 * np.sqrt(0.25 * 0.75 / rows))
    assert shares[0] == shares[-1] == 0.0


def test_texts_too_short_for_a_gap_are_left_as_they_are_without_an_answer():
    tokens = np.array([[PAD_ID] * 4, [START_ID, 3, 0, 0], [START_ID, 10, 3, 0]], np.int32)
    texts, answers = mask(tf.constant(tokens), tf.constant([0, 0]), 0.5)
    np.testing.assert_array_equal(texts, tokens)
    assert not np.any(answers)
