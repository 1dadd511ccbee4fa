"""The laws that every method which combines gradients keeps, whatever it combines them by."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.balancing import get
from tfmtl.balancing.method import GradientCombination, GramCombination
from tfmtl.core.registry import BALANCING

METHODS = sorted(entry.name for entry in BALANCING if issubclass(entry.build, GradientCombination))
GRAM_METHODS = sorted(entry.name for entry in BALANCING if issubclass(entry.build, GramCombination))

HARD = {
    "zero": np.zeros([3, 4]),
    "one zero": np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]),
    "identical": np.ones([3, 5]),
    "opposite": np.array([[1.0, 2.0], [-1.0, -2.0]]),
    "more tasks than directions": np.random.default_rng(0).normal(size=[6, 2]),
    "badly scaled": np.random.default_rng(1).normal(size=[3, 8]) * np.array([[1e-3], [1.0], [1e3]]),
    "one task": np.array([[1.0, -2.0]]),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("scale", "dtype"), [(1e-6, np.float32), (1.0, np.float64), (1e6, np.float32)])
def test_no_gradients_make_an_update_that_is_not_finite(name, scale, dtype):
    for gradients in HARD.values():
        assert np.isfinite(get(name).aggregate(tf.constant(scale * gradients, dtype))).all()


@pytest.mark.parametrize("name", METHODS)
def test_an_absent_task_takes_no_part(name):
    gradients = np.random.default_rng(2).normal(size=[3, 6])
    present = tf.constant([True, False, True])
    found = get(name).aggregate(tf.constant(gradients), present=present).numpy()
    if name == "moco":
        # Its weights are those of three tasks; one third belongs to the gradient that has not been seen.
        assert np.isfinite(found).all()
        return
    expected = get(name).aggregate(tf.constant(gradients[[0, 2]])).numpy()
    if name == "graddrop":
        drawn = tf.random.stateless_uniform([6], seed=[0, 0], dtype=tf.float64, alg="philox")
        expected = get(name).dropped(tf.constant(gradients[[0, 2]]), drawn).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


matrices = st.integers(0, 10_000).flatmap(
    lambda seed: st.tuples(st.just(seed), st.integers(2, 5), st.integers(2, 8), st.sampled_from([1e-3, 1.0, 1e3]))
)


def drawn(case):
    seed, tasks, size, spread = case
    generator = np.random.default_rng(seed)
    return generator.normal(size=[tasks, size]) * spread ** generator.uniform(-1, 1, size=[tasks, 1])


@settings(max_examples=3, deadline=None)
@given(matrices)
def test_the_order_of_tasks_does_not_matter(case):
    gradients = drawn(case)
    order = np.random.default_rng(case[0] + 1).permutation(len(gradients))
    for name in set(GRAM_METHODS) - {"pcgrad", "gradvac"}:
        updates = [get(name).aggregate(tf.constant(rows)).numpy() for rows in (gradients, gradients[order])]
        length = max(np.linalg.norm(gradients, axis=1).max(), np.linalg.norm(updates[0]))
        np.testing.assert_allclose(updates[1], updates[0], rtol=0, atol=1e-5 * length, err_msg=name)


@settings(max_examples=3, deadline=None)
@given(matrices, st.sampled_from([1e-6, 1e-2, 1e3, 1e6]))
def test_updates_follow_the_scale_of_all_gradients(case, scale):
    gradients = drawn(case)
    # The fair equation fixes the length: G a = 1 / a gives weights that fall as gradients grow.
    powers = {"nash_mtl": 0.0, "fairgrad": 0.0}
    for name in GRAM_METHODS:
        updates = [get(name).aggregate(tf.constant(rows)).numpy() for rows in (gradients, scale * gradients)]
        expected = updates[0] * scale ** powers.get(name, 1.0)
        floor = 1.0 if name in powers else scale * np.linalg.norm(gradients, axis=1).max()
        length = max(np.linalg.norm(expected), 1e-2 * floor)
        np.testing.assert_allclose(updates[1], expected, rtol=0, atol=1e-4 * length, err_msg=name)
