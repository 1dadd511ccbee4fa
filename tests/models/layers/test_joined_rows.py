import keras
import numpy as np

from tfmtl.models.layers.joined_rows import JoinedRows

LONG, SHORT = np.ones((1, 3, 2), np.float32), np.full((2, 1, 2), 2.0, np.float32)


def test_outputs_at_tokens_are_padded_to_the_longest():
    found = np.asarray(JoinedRows()([SHORT, LONG]))
    assert found.shape == (3, 3, 2)
    np.testing.assert_array_equal(found[:2, :1], SHORT)
    np.testing.assert_array_equal(found[2:], LONG)
    assert not found[:2, 1:].any()


def test_outputs_for_rows_are_joined():
    assert np.asarray(JoinedRows()([np.ones((2, 3)), np.zeros((1, 3))])).tolist() == [[1] * 3, [1] * 3, [0] * 3]


def test_shapes_are_known_before_values():
    found = JoinedRows()([keras.Input((None, 4)), keras.Input((None, 4))])
    assert found.shape == (None, None, 4)
