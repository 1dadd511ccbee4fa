import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.models.layers.low_rank_update import LowRankUpdate

LAYERS = {
    "dense": (lambda: keras.layers.Dense(5, "relu"), (2, 3, 4)),
    "query": (lambda: keras.layers.EinsumDense("bqm,muh->bquh", (None, 2, 3), bias_axes="uh"), (2, 3, 4)),
    "output": (lambda: keras.layers.EinsumDense("bquh,uhm->bqm", (None, 5)), (2, 3, 2, 4)),
    # Gemma's kernels begin with the heads.
    "gemma": (lambda: keras.layers.EinsumDense("btd,ndh->btnh", (None, 2, 3)), (2, 3, 4)),
}


@pytest.fixture(params=LAYERS)
def case(request):
    """A built layer, and inputs."""
    make, shape = LAYERS[request.param]
    generator = np.random.default_rng(0)
    layer, inputs = make(), generator.normal(size=shape).astype(np.float32)
    layer.build(shape)
    layer.set_weights([generator.normal(size=weight.shape) for weight in layer.weights])
    return layer, inputs


def trained_update(layer, rank=2, alpha=6.0):
    update = LowRankUpdate(layer, rank, alpha)
    update.up.assign(np.random.default_rng(1).normal(size=update.up.shape))
    return update


def test_nothing_changes_before_the_first_update(case):
    layer, inputs = case
    before = layer(inputs).numpy()
    np.testing.assert_array_equal(LowRankUpdate(layer, rank=2, alpha=6.0)(inputs), before)


def test_it_is_the_layer_with_the_sum_of_both_kernels(case):
    layer, inputs = case
    weights, kernel = layer.get_weights(), layer.kernel.numpy()
    expected, activation = type(layer).from_config(layer.get_config()), layer.activation
    update = trained_update(layer)
    down, up = update.down.numpy(), update.up.numpy()
    # The kernel as a matrix: [read, written], whatever its axes are.
    product = down.reshape(-1, 2) @ up.reshape(2, -1)
    if kernel.shape == (2, 4, 3):
        product = product.reshape(4, 2, 3).transpose(1, 0, 2)
    expected.build(inputs.shape)
    expected.set_weights([kernel + 3.0 * product.reshape(kernel.shape), *weights[1:]])
    np.testing.assert_allclose(update(inputs), expected(inputs), rtol=1e-5, atol=1e-5)
    merged = update.merged()
    np.testing.assert_allclose(merged.kernel, expected.kernel, rtol=1e-6, atol=1e-6)
    assert merged.activation is activation
    np.testing.assert_allclose(merged(inputs), expected(inputs), rtol=1e-5, atol=1e-5)


def test_only_the_factors_learn_and_a_kernel_of_heads_is_one_matrix(case):
    layer, inputs = case
    update = trained_update(layer)
    assert [variable.name for variable in update.trainable_variables] == ["lora_a", "lora_b"]
    batch_axes = 2
    read = np.prod(inputs.shape[batch_axes:])
    written = layer.kernel.numpy().size // read
    assert [variable.numpy().size for variable in update.trainable_variables] == [2 * read, 2 * written]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(update(inputs)))
    gradients = tape.gradient(loss, [variable.value for variable in update.trainable_variables])
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_initial_factors_have_the_bounds_of_pytorch_s_linear_layers():
    layer = keras.layers.Dense(16)
    layer.build((None, 400))
    update = LowRankUpdate(layer, rank=16, alpha=1.0)
    found = update.down.numpy()
    # Uniform in +-1/20, whose standard deviation is 1/20/sqrt(3).
    assert np.abs(found).max() <= 0.05
    assert found.std() == pytest.approx(0.05 / 3**0.5, rel=0.05)
    assert not update.up.numpy().any()


def test_an_equation_that_is_no_matrix_product_is_refused():
    layer = keras.layers.EinsumDense("abc,cd->adb", (4, None))
    layer.build((2, 2, 3))
    with pytest.raises(ValueError, match="abc,cd->adb"):
        LowRankUpdate(layer, rank=1, alpha=1.0)


def test_a_rank_beyond_the_kernel_s_is_refused():
    layer = keras.layers.Dense(3)
    layer.build((None, 5))
    with pytest.raises(ValueError, match="a kernel of 5 x 3 has no update of rank 4"):
        LowRankUpdate(layer, rank=4, alpha=1.0)
