import numpy as np
import tensorflow as tf

from tests.balancing.reference import assert_common_example, random_gradients
from tfmtl.balancing import get


def test_the_common_example_has_both_gradients_at_the_length_of_the_longer():
    root = np.sqrt(2.0)
    assert_common_example("db_mtl", [root - 1, 1.0])


def test_two_steps_by_hand():
    """Gradients are divided by their losses, averaged, and brought to the length of the longest."""
    steps = [random_gradients(seed, tasks=3) for seed in (0, 1)]
    losses = np.array([[1.0, 2.0, 0.5], [0.8, 3.0, 0.1]])
    method = get("db_mtl", beta=0.9, sigma=0.5)
    method.aggregate(tf.constant(steps[0]), losses=tf.constant(losses[0]))
    found = method.aggregate(tf.constant(steps[1]), losses=tf.constant(losses[1])).numpy()
    first, second = (gradients / of_step[:, None] for gradients, of_step in zip(steps, losses, strict=True))
    beta = 0.9 / 2**0.5
    averages = beta * first + (1 - beta) * second
    norms = np.linalg.norm(averages, axis=1)
    np.testing.assert_allclose(found, norms.max() * (averages / norms[:, None]).sum(axis=0))


def test_the_unit_of_a_loss_does_not_matter():
    gradients, losses = random_gradients(2, tasks=2), np.array([1.0, 2.0])
    units = np.array([1.0, 1000.0])
    found = [
        get("db_mtl").aggregate(tf.constant(gradients * unit[:, None]), losses=tf.constant(losses * unit)).numpy()
        for unit in (np.ones(2), units)
    ]
    np.testing.assert_allclose(found[0], found[1])
