import tensorflow as tf

from tfmtl.data.tables import Slice
from tfmtl.training.accumulation import Accumulation
from tfmtl.training.batch_rows import BatchRows

BATCH = {"tokens": tf.reshape(tf.range(12.0), [6, 2])}, {}
SPECS = [tf.TensorSpec([2], tf.float32), tf.TensorSpec([], tf.int32)]


def compute(batch):
    tokens = batch[0]["tokens"]
    return [tf.reduce_sum(tokens, axis=0), tf.constant(tokens.shape[0])]


def test_the_parts_add_up_to_the_whole():
    rows = BatchRows([Slice("tokens", (), ())], {})
    for parts in (1, 2, 3, 6):
        accumulation = Accumulation(rows, parts)
        total, count = tf.function(
            lambda accumulation=accumulation: accumulation.total(BATCH, compute, SPECS), autograph=False
        )()
        assert total.numpy().tolist() == [30.0, 36.0]
        assert int(count) == 6


def test_a_part_is_computed_after_the_one_before():
    seen = tf.Variable(tf.zeros([3]))
    at = tf.Variable(0)

    def note(batch):
        seen.scatter_nd_update([[at]], [batch[0]["tokens"][0, 0]])
        at.assign_add(1)
        return compute(batch)

    accumulation = Accumulation(BatchRows([Slice("tokens", (), ())], {}), 3)
    tf.function(lambda: accumulation.total(BATCH, note, SPECS), autograph=False)()
    assert seen.numpy().tolist() == [0.0, 2.0, 4.0]
