import keras
import numpy as np
import pytest

from tfmtl.models.layers.attention import Attention

generator = np.random.default_rng(0)
QUERY = generator.normal(size=[2, 3, 8]).astype(np.float32)
SOURCE = generator.normal(size=[2, 5, 8]).astype(np.float32)
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)[:, None, None, :]


@pytest.fixture(scope="module")
def attention():
    layer = Attention(heads=2)
    layer.build(QUERY.shape, SOURCE.shape)
    for variable in layer.variables:
        variable.assign(generator.normal(size=variable.shape))
    return layer


def weights(dense):
    return [np.array(variable) for variable in (dense.kernel, dense.bias)]


def test_it_is_scaled_dot_product_attention(attention):
    query_kernel, query_bias = weights(attention.query)
    queries, keys_values = QUERY @ query_kernel + query_bias, SOURCE @ np.array(attention.key_value.kernel)
    contexts = np.zeros([2, 3, 8])
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        keys, values = keys_values[..., :8][..., part], keys_values[..., 8:][..., part]
        scores = queries[..., part] @ keys.transpose(0, 2, 1) / np.sqrt(4)
        scores = np.exp(scores) * MASK[:, 0]
        contexts[..., part] = scores / scores.sum(axis=-1, keepdims=True) @ values
    output_kernel, output_bias = weights(attention.output_projection)
    np.testing.assert_allclose(attention(QUERY, SOURCE, MASK), contexts @ output_kernel + output_bias, atol=2e-5)


def test_it_equals_that_of_keras_with_the_same_weights(attention):
    of_keras = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
    of_keras.build(QUERY.shape, SOURCE.shape)
    (query, query_bias), key_value = weights(attention.query), np.array(attention.key_value.kernel)
    output, output_bias = weights(attention.output_projection)
    projections = [(query, query_bias), (key_value[:, :8], np.zeros(8)), (key_value[:, 8:], np.zeros(8))]
    parts = [array.reshape(shape) for pair in projections for array, shape in zip(pair, [(8, 2, 4), (2, 4)])]  # noqa: B905
    of_keras.set_weights([*parts, output.reshape(2, 4, 8), output_bias])
    expected = of_keras(QUERY, SOURCE, attention_mask=np.broadcast_to(MASK[:, 0], [2, 3, 5]))
    np.testing.assert_allclose(attention(QUERY, SOURCE, MASK), expected, atol=2e-5)


def test_what_is_masked_does_not_matter(attention):
    changed = np.where(MASK[:, 0, 0, :, None], SOURCE, 100.0).astype(np.float32)
    np.testing.assert_array_equal(attention(QUERY, changed, MASK), attention(QUERY, SOURCE, MASK))


def test_a_row_that_is_masked_as_a_whole_gives_numbers(attention):
    assert np.isfinite(attention(QUERY, SOURCE, np.zeros_like(MASK))).all()


def test_keys_and_values_computed_apart_give_the_same(attention):
    keys, values = attention.keys_and_values(SOURCE)
    assert keys.shape == (2, 2, 4, 5)
    assert values.shape == (2, 2, 5, 4)
    np.testing.assert_array_equal(attention.attend(QUERY, keys, values, MASK), attention(QUERY, SOURCE, MASK))


def test_the_width_must_be_a_multiple_of_the_heads():
    with pytest.raises(ValueError, match="a width of 8 cannot be split over 3 attention heads"):
        Attention(heads=3).build((None, None, 8))


@pytest.fixture(scope="module")
def rotary():
    layer = Attention(heads=2, rotary=True)
    layer.build(SOURCE.shape)
    return layer


def test_rotary_queries_and_keys_are_turned_by_their_places(rotary):
    """Su et al. 2021, eq. 34, with the two halves of a head as the pairs' parts."""
    keys, _ = rotary.keys_and_values(SOURCE)
    plain = (SOURCE @ np.array(rotary.key_value.kernel)[:, :8]).reshape(2, 5, 2, 4)
    for place in range(5):
        angles = place / 10000.0 ** (np.arange(2) / 2)
        first, second = plain[:, place, :, :2], plain[:, place, :, 2:]
        turned = [first * np.cos(angles) - second * np.sin(angles), second * np.cos(angles) + first * np.sin(angles)]
        np.testing.assert_allclose(keys[:, :, :, place], np.concatenate(turned, axis=-1), atol=1e-5)


def test_rotary_attention_sees_distances_not_places(rotary):
    mask = np.ones([1, 1, 1, 1], bool)
    found = rotary.attend(SOURCE, *rotary.keys_and_values(SOURCE), mask)
    moved = rotary.attend(SOURCE, *rotary.keys_and_values(SOURCE, 3), mask, 3)
    np.testing.assert_allclose(moved, found, atol=1e-5)
    other = rotary.attend(SOURCE, *rotary.keys_and_values(SOURCE), mask, 3)
    assert not np.allclose(other, found, atol=1e-3)
