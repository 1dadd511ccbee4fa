import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.training.accumulation import Accumulation
from tfmtl.training.row_gradients import RowsSpec, rows_of_entries, rows_summed, scaled

SHAPE = (5, 2)


def entries(rows):
    values = np.random.default_rng(len(rows)).normal(size=[len(rows), *SHAPE[1:]]).astype(np.float32)
    return tf.IndexedSlices(tf.constant(values), tf.constant(np.int32(rows)), tf.constant(SHAPE))


def whole(gradient):
    """The gradient as a whole, added up in numpy."""
    total = np.zeros(SHAPE, np.float32)
    np.add.at(total, gradient.indices.numpy(), gradient.values.numpy())
    return total


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, SHAPE[0] - 1), max_size=8))
def test_sums_of_entries_are_the_rows_of_the_whole_gradient(rows):
    gradient = entries(rows)
    expected, summed = whole(gradient), rows_summed(gradient)
    np.testing.assert_allclose(whole(summed), expected, atol=1e-6)
    # So the norm of the entries is that of the whole.
    assert float(tf.linalg.global_norm([summed])) == pytest.approx(np.linalg.norm(expected), abs=1e-5)
    assert len(summed.indices) == len(rows)
    np.testing.assert_allclose(rows_of_entries(gradient), expected[rows], atol=1e-6)
    np.testing.assert_allclose(rows_of_entries(summed), expected[rows], atol=1e-6)


def test_a_gradient_times_a_number():
    gradient = entries([1, 1, 4])
    np.testing.assert_allclose(whole(scaled(gradient, 0.5)), 0.5 * whole(gradient))
    np.testing.assert_allclose(scaled(tf.constant(whole(gradient)), 0.5), 0.5 * whole(gradient))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_entries_of_all_parts_of_a_batch_are_kept(jit_compile):
    gradient = entries([3, 0, 3, 1])
    batch = {"values": gradient.values, "indices": gradient.indices}, {}

    class Halves:
        def part(self, batch, index, parts):
            return {name: tf.stack(tf.split(values, parts))[index] for name, values in batch[0].items()}

    def compute(part):
        return [tf.IndexedSlices(part["values"], part["indices"], tf.constant(SHAPE)), tf.constant(1.0)]

    accumulation = Accumulation(Halves(), 2)
    specs = [RowsSpec(tf.TensorShape(SHAPE), tf.float32), tf.TensorSpec([], tf.float32)]
    found, count = tf.function(lambda: accumulation.total(batch, compute, specs), jit_compile=jit_compile)()
    np.testing.assert_array_equal(whole(found), whole(gradient))
    assert float(count) == 2.0
