"""What the tests of the methods that combine gradients compare with: a common example, and the reference file."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.balancing import get

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference" / "balancing.json"
COMMON = np.array([[1.0, 0.0], [-1.0, 1.0]])


def aggregate(name, gradients, dtype=tf.float64, **options):
    """What a new method makes of gradients that arrive as anything."""
    return get(name, **options).aggregate(tf.constant(gradients, dtype)).numpy()


def assert_common_example(name, expected, **options):
    """Compares with the solution for the gradients (1, 0) and (-1, 1), from the paper's formula, in both dtypes."""
    for dtype, tolerance in ((tf.float32, 1e-6), (tf.float64, 1e-7)):
        found = aggregate(name, COMMON, dtype, **options)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, atol=tolerance)


def reference_cases():
    """The cases of the reference file, which stands beside the checkout where there is one."""
    if not REFERENCE.is_file():
        pytest.skip(f"there is no {REFERENCE}")
    return json.loads(REFERENCE.read_text(encoding="utf-8"))["cases"]


def assert_reference(name, entry, field="output", tolerance=lambda case: 1e-5, **options):
    """Compares with an entry of the reference in each case that has it; `tolerance(case)` is relative to its length."""
    compared = 0
    for case in reference_cases():
        expected = case["aggregators"][entry].get(field)
        if expected is None or tolerance(case) is None:
            continue
        found = aggregate(name, case["matrix"], **options)
        # Where the solution is zero, the solvers of the reference are within 1e-8 of it.
        length = max(np.linalg.norm(expected), 1e-3 * np.linalg.norm(case["matrix"], axis=1).max())
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance(case) * length, err_msg=case["name"])
        compared += 1
    assert compared >= 6


def random_gradients(seed, tasks=4, size=6, decades=0.0):
    """Independent normal gradients `[tasks, size]`, whose lengths differ by up to so many powers of ten."""
    generator = np.random.default_rng(seed)
    scales = 10 ** generator.uniform(-decades, decades, size=[tasks, 1])
    return generator.normal(size=[tasks, size]) * scales


def assert_same_in_float32_for_dependent_rows(name):
    """Rounding of float32 products, in which a dependent row looks independent, decides nothing."""
    for seed in range(20):
        gradients = random_gradients(seed, tasks=3, size=100)
        gradients = np.concatenate([gradients, gradients[:1] + gradients[1:2]])
        expected = aggregate(name, gradients)
        found = aggregate(name, gradients, tf.float32)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-2 * np.abs(expected).max())


def assert_hurts_no_task(name, gradients):
    """No inner product with a gradient is negative, but for rounding."""
    norms = np.linalg.norm(gradients, axis=1)
    assert (gradients @ aggregate(name, gradients) >= -1e-7 * norms * norms.max()).all()


def orders_of(table):
    """The others of each task in the order of `table`, without the task itself, int32 `[tasks, tasks - 1]`."""
    return np.array([[j for j in row if j != i] for i, row in enumerate(table)], np.int32)
