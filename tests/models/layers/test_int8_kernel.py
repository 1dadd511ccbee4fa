import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.models.layers.int8_kernel import dequantized, quantize_kernel
from tfmtl.models.layers.kernel_axes import kernel_axes

LAYERS = {
    "dense": (lambda: keras.layers.Dense(5, "relu"), (2, 3, 4), 0),
    "query": (lambda: keras.layers.EinsumDense("bqm,muh->bquh", (None, 2, 3), bias_axes="uh"), (2, 3, 4), 0),
    "output": (lambda: keras.layers.EinsumDense("bquh,uhm->bqm", (None, 5)), (2, 3, 2, 4), (0, 1)),
    # Gemma's kernels begin with the heads.
    "gemma": (lambda: keras.layers.EinsumDense("btd,ndh->btnh", (None, 2, 3)), (2, 3, 4), 1),
}


@pytest.fixture(params=LAYERS)
def case(request):
    """A built layer, inputs, and its kernel rounded to 127 steps of each column by hand."""
    make, shape, read = LAYERS[request.param]
    generator = np.random.default_rng(0)
    layer = make()
    with keras.name_scope("outer"):
        layer.build(shape)
    layer.set_weights([generator.normal(size=weight.shape) for weight in layer.weights])
    kernel = layer.kernel.numpy()
    step = np.abs(kernel).max(axis=read, keepdims=True) / 127
    return layer, generator.normal(size=shape).astype(np.float32), np.round(kernel / step) * step


def test_it_computes_with_the_rounded_kernel_and_its_gradient_flows_to_the_inputs(case):
    layer, inputs, rounded = case
    expected = type(layer).from_config(layer.get_config())
    expected.build(inputs.shape)
    expected.set_weights([rounded, *layer.get_weights()[1:]])
    quantize_kernel(layer)
    assert {np.dtype(weight.dtype).itemsize for weight in layer.weights if "scale" not in weight.path} <= {1, 4}
    found = []
    for each in (layer, expected):
        given = tf.constant(inputs)
        with tf.GradientTape() as tape:
            tape.watch(given)
            outputs = each(given)
            loss = tf.reduce_sum(tf.square(outputs))
        found.append((outputs, tape.gradient(loss, given)))
    for value, by_hand in zip(*found, strict=True):
        np.testing.assert_allclose(value, by_hand, rtol=1e-4, atol=1e-4)


def test_it_becomes_a_layer_of_floats_again(case):
    layer, inputs, rounded = case
    paths, activation = [weight.path for weight in layer.weights], layer.activation
    quantize_kernel(layer)
    plain = dequantized(layer)
    np.testing.assert_allclose(plain.kernel, rounded, rtol=1e-5, atol=1e-5)
    assert [weight.path for weight in plain.weights] == paths
    assert plain.activation is activation and plain.dtype_policy.name == "float32"
    np.testing.assert_allclose(plain(inputs), layer(inputs), rtol=1e-4, atol=1e-4)


def test_a_kernel_that_is_no_matrix_is_named():
    layer = keras.layers.EinsumDense("abc,bcd->abd", (3, 5))
    layer.build((2, 3, 4))
    with pytest.raises(ValueError, match="abc,bcd->abd"):
        kernel_axes(layer)
