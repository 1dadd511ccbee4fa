"""Random orders in which the gradient of each task meets those of the other tasks."""

import tensorflow as tf


def random_orders(count: int, seed: int, draw: tf.Tensor) -> tf.Tensor:
    """Returns, for each task, the other tasks in a random order, int32 `[tasks, tasks - 1]`.

    Args:
        count: the number of tasks.
        seed: the seed of all draws.
        draw: the number of this draw, int32; the same number gives the same orders on every replica.
    """
    keys = tf.random.stateless_uniform([count, count], seed=tf.stack([tf.constant(seed), draw]), alg="philox")
    # The task itself has the largest key, so it comes last and is cut off.
    keys = tf.linalg.set_diag(keys, tf.fill([count], 2.0))
    return tf.argsort(keys, axis=1)[:, :-1]
