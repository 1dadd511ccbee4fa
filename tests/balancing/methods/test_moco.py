import numpy as np
import pytest
import tensorflow as tf

from tests.balancing.reference import COMMON, aggregate, assert_common_example, random_gradients
from tfmtl.balancing import get


def test_the_first_step_moves_equal_weights_by_the_trace_normalised_gram_matrix():
    gram = COMMON @ COMMON.T / 3.0
    moved = 0.5 - 0.1 * gram @ [0.5, 0.5]
    weights = moved + (1 - moved.sum()) / 2
    assert_common_example("moco", weights @ COMMON, gamma=0.1)


def test_gradients_are_tracked_and_weights_stay_in_the_simplex():
    first, second = random_gradients(0, tasks=3), random_gradients(1, tasks=3)
    method = get("moco", beta=0.25, gamma=50.0)
    method.aggregate(tf.constant(first))
    update = method.aggregate(tf.constant(second)).numpy()
    tracked = first + 0.25 * (second - first)
    weights, *_ = np.linalg.lstsq(tracked.T, update, rcond=None)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= -1e-9).all()


def test_with_many_steps_on_the_same_gradients_it_is_mgda():
    gradients = random_gradients(2, tasks=3)
    method = get("moco", beta=1.0, gamma=0.5)
    for _ in range(300):
        update = method.aggregate(tf.constant(gradients)).numpy()
    np.testing.assert_allclose(update, aggregate("mgda", gradients), atol=1e-6)


def test_an_absent_task_takes_no_part_and_is_remembered():
    gradients = random_gradients(3, tasks=2)
    method, present = get("moco", beta=1.0), tf.constant([True, False])
    method.aggregate(tf.constant(gradients))
    np.testing.assert_allclose(method.aggregate(tf.constant(gradients), present=present), gradients[0])
    again = method.aggregate(tf.constant(gradients)).numpy()
    weights = np.linalg.lstsq(gradients.T, again, rcond=None)[0]
    assert weights.sum() == pytest.approx(1.0)
    assert (weights > 0).all()
