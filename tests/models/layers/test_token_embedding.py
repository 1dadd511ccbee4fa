import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.models.layers.token_embedding import TokenEmbedding

TOKENS = np.int32([[1, 4, 4], [0, 2, 1]])


def both(policy, **options):
    """Returns the layer, and KerasHub's own with the same weights."""
    layers = [kind(6, 3, dtype=policy, **options) for kind in (TokenEmbedding, keras_hub.layers.ReversibleEmbedding)]
    for layer in layers:
        layer.build()
    layers[1].set_weights(layers[0].get_weights())
    return layers


def looked_up(layer, weights):
    with tf.GradientTape() as tape:
        rows = layer(TOKENS)
        loss = tf.reduce_sum(tf.cast(rows, tf.float32) * weights)
    gradient = tape.gradient(loss, layer.embeddings.value)
    return rows, tf.convert_to_tensor(gradient)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_rows_and_their_gradient_are_those_of_keras(policy):
    # Of few bits, so that their sums are the same in either precision.
    weights = np.random.default_rng(0).integers(-4, 5, size=[*TOKENS.shape, 3]).astype(np.float32)
    (found, gradient), (expected, reference) = (looked_up(layer, weights) for layer in both(policy))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(tf.cast(found, tf.float32), tf.cast(expected, tf.float32))
    np.testing.assert_array_equal(gradient, reference)


@pytest.mark.parametrize("tied", [True, False])
def test_logits_are_those_of_keras(tied):
    states = np.random.default_rng(0).normal(size=[2, 3]).astype(np.float32)
    own, reference = both("float32", tie_weights=tied)
    np.testing.assert_array_equal(own(states, reverse=True), reference(states, reverse=True))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_lookup_neither_reads_nor_casts_the_table(policy):
    layer = TokenEmbedding(6, 3, dtype=policy)
    layer.build()
    graph = tf.function(layer, autograph=False).get_concrete_function(tf.TensorSpec([None, None], tf.int32)).graph
    values = [output for each in graph.get_operations() for output in each.outputs]
    assert "ReadVariableOp" not in {each.type for each in graph.get_operations()}
    assert not [value for value in values if value.shape == (6, 3)]


def test_it_is_made_again_from_its_configuration():
    layer = TokenEmbedding(6, 3, tie_weights=False, name="embedding")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is TokenEmbedding
    assert copy.get_config() == layer.get_config()
