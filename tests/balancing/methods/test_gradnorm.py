import numpy as np
import pytest
import tensorflow as tf

from tests.balancing.reference import assert_common_example
from tfmtl.balancing import get


def test_the_common_example_starts_with_weights_of_one():
    assert_common_example("gradnorm", [0.0, 1.0])


def test_the_published_step():
    method = get("gradnorm", alpha=1.0, learning_rate=0.1)
    values = [[1.0, 1.0], [1.0, np.sqrt(2.0)], [0.5, 1.0]]
    moved = method.moved(*(tf.constant(row, tf.float64) for row in values), tf.constant([True, True]))
    np.testing.assert_allclose(moved, [0.881738595758452, 1.1182614042415477], rtol=1e-12)


def test_weights_turn_to_the_task_that_learns_more_slowly_and_keep_their_sum():
    method = get("gradnorm", alpha=1.5, learning_rate=0.05)
    gradients = tf.eye(2, dtype=tf.float64)
    for losses in ([1.0, 1.0], [0.5, 1.0], [0.25, 1.0]):
        update = method.aggregate(gradients, losses=tf.constant(losses, tf.float64)).numpy()
    assert update[1] > 1.0 > update[0]
    assert update.sum() == pytest.approx(2.0)
