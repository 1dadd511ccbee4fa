"""Compiles what lies between two matrix products into one kernel."""

from collections.abc import Callable

import tensorflow as tf

NARROWEST = 192
"""The smallest width at which kernels are used: narrower models train faster than their kernels compile."""


def compiled(function: Callable) -> Callable:
    """Compiles a function of tensors with XLA: it reads its arguments once, and has no intermediate results in memory.

    Matrix products stay outside, because those of TensorFlow are several times faster on a CPU than XLA's. So do
    normalizations, which take so long to compile that it does not pay.

    A kernel is compiled for each shape, in 0.03 to 0.1 s of CPU time; the buckets of the plan keep these few.
    """
    return tf.function(function, autograph=False, jit_compile=True)


def is_fused(states, training: bool | None) -> bool:
    """Returns whether kernels are used for states of a width: in training, where they are wide enough.

    The graphs of evaluation, prediction and exports have ordinary operations, which any server can run.
    """
    return bool(training) and states.shape[-1] is not None and states.shape[-1] >= NARROWEST
