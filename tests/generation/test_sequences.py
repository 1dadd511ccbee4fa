import numpy as np
import pytest
import tensorflow as tf

from tfmtl.generation.sequences import batch_size, sequences, write


def test_lengths_count_what_is_not_padding():
    result = sequences(tf.constant([[3, 2, 0], [2, 0, 0], [5, 5, 5]]), tf.constant([-1.0, -2.0, -3.0]), pad_id=0)
    np.testing.assert_array_equal(result.lengths, [2, 1, 3])


def test_batch_size_is_that_of_any_tensor():
    assert batch_size((), {"keys": [tf.zeros([3, 2])]}) == 3


def test_batch_without_a_tensor_is_refused():
    with pytest.raises(ValueError, match="hold no tensor"):
        batch_size((), {})


def test_write_puts_one_piece_into_each_sequence():
    tokens = tf.zeros([2, 1, 3], tf.int32)
    np.testing.assert_array_equal(write(tokens, tf.constant(1), tf.constant([[7], [8]])), [[[0, 7, 0]], [[0, 8, 0]]])
