"""What all methods have in common: what they refuse, and what they do with numbers that are none."""

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.balancing import get
from tfmtl.balancing.method import GradientCombination, LossWeighting
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import BALANCING

OF_LOSSES = sorted(entry.name for entry in BALANCING if issubclass(entry.build, LossWeighting))
OF_GRADIENTS = sorted(entry.name for entry in BALANCING if issubclass(entry.build, GradientCombination))
GRADIENTS = np.random.default_rng(0).normal(size=[3, 5])


def state(method):
    return [variable.numpy() for variable in method.variables]


@pytest.mark.parametrize("name", OF_LOSSES)
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_from_a_loss_that_is_no_number_nothing_is_learned(name, wrong):
    disturbed, undisturbed = get(name), get(name)
    for method in (disturbed, undisturbed):
        method.build(2, updates_per_epoch=10)
        method.weights(tf.constant([1.0, 2.0]))
    assert np.isnan(disturbed.weights(tf.constant([wrong, 1.0]))).all()
    disturbed.observe(tf.constant([wrong, 1.0]), tf.constant([1.0, 1.0]))
    for values, expected in zip(state(disturbed), state(undisturbed), strict=True):
        if values.dtype.kind == "f":
            np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert np.isfinite(disturbed.weights(tf.constant([1.0, 1.5]))).all()


@pytest.mark.parametrize("name", OF_GRADIENTS)
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_from_a_gradient_that_is_no_number_nothing_is_learned(name, wrong):
    disturbed, undisturbed = get(name), get(name)
    for method in (disturbed, undisturbed):
        method.aggregate(tf.constant(GRADIENTS))
    broken = GRADIENTS.copy()
    broken[1, 2] = wrong
    assert np.isnan(disturbed.aggregate(tf.constant(broken))).all()
    for values, expected in zip(state(disturbed), state(undisturbed), strict=True):
        if values.dtype.kind == "f":
            np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert np.isfinite(disturbed.aggregate(tf.constant(GRADIENTS))).all()


@pytest.mark.parametrize("name", OF_GRADIENTS)
def test_gradients_whose_products_overflow_end_in_no_error(name):
    method = get(name)
    found = method.aggregate(tf.constant(1e25 * GRADIENTS, tf.float32)).numpy()
    assert np.isnan(found).all() or np.isfinite(found).all()


def test_a_method_weighs_losses_or_combines_gradients_and_never_does_both():
    for method, names in (("weights", OF_LOSSES), ("aggregate", OF_GRADIENTS)):
        assert [entry.name for entry in BALANCING if hasattr(entry.build, method)] == names
    assert sorted([*OF_LOSSES, *OF_GRADIENTS]) == [entry.name for entry in BALANCING]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.ones([3], np.float32), r"float32 \[3\]"),
        (np.ones([1, 2, 3], np.float32), r"float32 \[1, 2, 3\]"),
        (np.ones([2, 3], np.int32), r"int32 \[2, 3\]"),
        (np.ones([2, 3], np.float16), r"float16 \[2, 3\]"),
        (np.ones([0, 3], np.float32), r"float32 \[0, 3\]"),
    ],
)
def test_gradients_of_another_shape_or_dtype_are_refused(values, found):
    with pytest.raises(
        ValueError, match=r"^mgda: gradients: expected float32 or float64 \[tasks, size\], found " + found
    ):
        get("mgda").aggregate(tf.constant(values))


@pytest.mark.parametrize("values", [np.float32(1.0), np.ones([2, 2], np.float32), np.ones([2], np.int64)])
def test_losses_of_another_shape_or_dtype_are_refused(values):
    with pytest.raises(ValueError, match=r"^dwa: losses: expected float32 or float64 \[tasks\], found "):
        get("dwa").weights(tf.constant(values))


def test_another_number_of_tasks_is_refused():
    method = get("dwa")
    method.weights(tf.constant([1.0, 2.0]))
    with pytest.raises(ValueError, match="dwa: expected 2 tasks, as before, found 3"):
        method.weights(tf.constant([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match=r"mgda: losses: expected one for each of 3 tasks, found \[1\]"):
        get("mgda").aggregate(tf.constant(GRADIENTS), losses=tf.constant([3.0]))
    with pytest.raises(ValueError, match=r"mgda: present: expected one for each of 3 tasks, found \[1\]"):
        get("mgda").aggregate(tf.constant(GRADIENTS), present=tf.constant([True]))


@pytest.mark.parametrize(
    ("name", "option"), [("uncertainty", "initial"), ("stch", "preference"), ("famo", "lower_bound")]
)
def test_an_option_of_another_number_of_tasks_is_refused_alone_too(name, option):
    with pytest.raises(ConfigurationError, match=f"balancing.{option}: expected a number, or one for each of 2 tasks"):
        get(name, **{option: [0.1, 0.2, 0.3]}).weights(tf.constant([1.0, 2.0]))


def test_alone_fixed_weights_have_no_names_to_go_by():
    with pytest.raises(ConfigurationError, match=r"balancing\.weights: unknown task 'a'"):
        get("fixed", weights={"a": 3.0}).weights(tf.constant([1.0, 2.0]))
