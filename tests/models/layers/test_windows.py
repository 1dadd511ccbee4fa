import numpy as np
import pytest
import tensorflow as tf

from tfmtl.data.packing import Packing
from tfmtl.models.layers.windows import joined_windows, read_in_windows

WINDOW, WIDTH = 4, 3


def read(embedded, tokens):
    """Something that shows which positions were read together: their sum, beside each embedding; and the reverse."""
    total = np.sum(np.asarray(embedded), axis=1, keepdims=True) + 0 * np.asarray(embedded)
    both = np.stack([np.asarray(embedded), total], axis=1)
    return both, np.asarray(tokens)


@pytest.mark.parametrize("length", [2, 4, 5, 8, 11])
def test_each_window_is_read_by_itself(length):
    embedded = np.random.default_rng(length).normal(size=[2, length, WIDTH]).astype(np.float32)
    tokens = np.arange(4, 4 + 2 * length, dtype=np.int32).reshape(2, length)
    both, ids = read_in_windows(read, tf.constant(embedded), tf.constant(tokens), WINDOW)
    found = joined_windows(tf.constant(both), tf.constant(tokens), WINDOW, axis=2).numpy()
    assert found.shape == (2, 2, length, WIDTH)
    np.testing.assert_array_equal(found[:, 0], embedded)
    for start in range(0, length, WINDOW):
        part = embedded[:, start : start + WINDOW]
        expected = np.broadcast_to(part.sum(axis=1, keepdims=True), part.shape)
        np.testing.assert_allclose(found[:, 1, start : start + WINDOW], expected, atol=1e-6)
    np.testing.assert_array_equal(joined_windows(tf.constant(ids), tf.constant(tokens), WINDOW).numpy(), tokens)


def test_a_batch_without_rows_or_positions_stays_one():
    for rows, length in ((0, 6), (2, 0), (0, 0)):
        tokens = tf.zeros([rows, length], tf.int32)
        both, _ = read_in_windows(read, tf.zeros([rows, length, WIDTH]), tokens, WINDOW)
        assert joined_windows(tf.constant(both), tokens, WINDOW, axis=2).shape == (rows, 2, length, WIDTH)


def test_windows_as_they_are_packed_are_read_apart():
    packed = Packing(WINDOW, "windows", 3).text(tf.ragged.constant([[5, 6, 7, 8, 9], [5]], dtype=tf.int32)).to_tensor()
    embedded = tf.cast(packed, tf.float32)[..., None]
    _, ids = read_in_windows(read, embedded, packed, WINDOW)
    assert ids.tolist() == [
        [2, 5, 6, 3], [2, 7, 8, 3], [2, 9, 3, 0], [2, 5, 3, 0], [0, 0, 0, 0], [0, 0, 0, 0]
    ]  # fmt: skip
