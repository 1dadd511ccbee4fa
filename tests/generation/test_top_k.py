import numpy as np
import pytest
import tensorflow as tf

from tfmtl.generation.top_k import _part_width, top_k


# A size below that of parts, one that parts divide, a prime, and one of more values asked for than a part holds.
@pytest.mark.parametrize(("size", "count"), [(7, 3), (1023, 8), (8000, 8), (8009, 8), (1500, 38), (30_522, 1)])
def test_they_are_those_of_a_sort(size, count):
    generator = np.random.default_rng(size)
    values = generator.normal(size=[5, size]).astype(np.float32)
    # Forbidden pieces, a row of hardly anything else, and one with the best values side by side.
    values[1, generator.integers(0, size, size // 2)] = -1e9
    values[2, count:] = -1e9
    values[3, : size // 3] += 9.0
    found, indices = top_k(tf.constant(values), count)
    assert found.shape == indices.shape == (5, count)
    np.testing.assert_array_equal(found, -np.sort(-values, axis=-1)[:, :count])
    np.testing.assert_array_equal(np.take_along_axis(values, indices.numpy(), axis=-1), found)
    assert all(len(set(row)) == count for row in indices.numpy().tolist())


def test_no_rows_have_none():
    found, indices = top_k(tf.zeros([0, 8000]), 8)
    assert found.shape == indices.shape == (0, 8)


def test_a_size_that_is_not_known_before_is_sorted_as_a_whole():
    values = np.random.default_rng(1).normal(size=[3, 4000]).astype(np.float32)
    traced = tf.function(lambda of: top_k(of, 4), [tf.TensorSpec([None, None])], autograph=False)
    np.testing.assert_array_equal(traced(values)[0], -np.sort(-values, axis=-1)[:, :4])


@pytest.mark.parametrize("size", [1024, 4000, 8000, 8009, 30_522, 250_112])
def test_parts_are_many_and_not_too_small(size):
    width = _part_width(size)
    assert 0.4 * size**0.5 < width < size**0.5
    assert size % width == 0 or all(size % near for near in range(round(size**0.5 / 2), 2 * round(size**0.5 / 2)))
