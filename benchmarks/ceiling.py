"""The machine's rate of matrix products, as TensorFlow reaches it for large square matrices."""

import tensorflow as tf


def prepare(precision: str, side: int, times: int):
    """Returns a function that multiplies square matrices a few times."""
    left, right = (tf.Variable(tf.cast(tf.random.normal([side, side]), precision)) for _ in range(2))

    @tf.function
    def product():
        return tf.matmul(left, right)

    return lambda: [product() for _ in range(times)][-1].numpy()
