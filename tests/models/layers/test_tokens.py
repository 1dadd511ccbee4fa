import numpy as np
from keras import ops

from tfmtl.models.layers.tokens import score_bias, segment_ids, token_mask

ROWS = np.int32([[2, 7, 3, 8, 9, 3, 0], [2, 7, 8, 3, 0, 0, 0], [0] * 7])


def test_padding_is_masked():
    np.testing.assert_array_equal(token_mask(ROWS), ROWS != 0)


def test_the_second_text_begins_after_the_first_end_mark():
    segments = ops.convert_to_numpy(segment_ids(ROWS))
    np.testing.assert_array_equal(segments[0], [0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(segments[1, :4], [0] * 4)
    assert segments.dtype == np.int32


def test_a_masked_score_weighs_nothing_and_is_finite():
    scores = score_bias(ops.convert_to_tensor([True, False])) + 5.0
    np.testing.assert_array_equal(ops.softmax(scores), [1.0, 0.0])
    assert np.isfinite(score_bias(ops.convert_to_tensor([False]))).all()
