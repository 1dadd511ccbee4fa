import numpy as np
import pytest

from tfmtl.models.transformer_layer import DecoderLayer, EncoderLayer, FeedForward

generator = np.random.default_rng(0)
STATES = generator.normal(size=[2, 4, 8]).astype(np.float32)
SOURCE = generator.normal(size=[2, 3, 8]).astype(np.float32)
ALL = np.ones([1, 1, 1, 1], bool)


def normalised(states):
    return (states - states.mean(-1, keepdims=True)) / np.sqrt(states.var(-1, keepdims=True) + 1e-5)


def test_the_feed_forward_network_by_formula():
    layer = FeedForward(inner=6, activation="relu")
    layer.build(STATES.shape)
    expand, reduce = np.array(layer.expand.kernel), np.array(layer.reduce.kernel)
    np.testing.assert_allclose(layer(STATES), np.maximum(STATES @ expand, 0) @ reduce, atol=1e-5)


def test_each_sublayer_reads_normalised_states_and_is_added():
    layer = EncoderLayer(heads=2, feedforward=6, activation="gelu", dropout=0.5)
    layer.build(STATES.shape)
    inner = normalised(STATES)
    middle = STATES + np.array(layer.attention(inner, inner, ALL))
    expected = middle + np.array(layer.network(normalised(middle)))
    np.testing.assert_allclose(layer(STATES, ALL), expected, atol=1e-5)
    assert not np.allclose(layer(STATES, ALL, training=True), expected, atol=1e-2)


def test_a_decoder_layer_reads_the_source_between_the_two():
    layer = DecoderLayer(heads=2, feedforward=6, activation="gelu", dropout=0.0)
    layer.build(STATES.shape, SOURCE.shape)
    inner = normalised(STATES)
    states = STATES + np.array(layer.attention(inner, inner, ALL))
    states += np.array(layer.source_attention(normalised(states), SOURCE, ALL))
    states += np.array(layer.network(normalised(states)))
    np.testing.assert_allclose(layer(STATES, SOURCE, ALL, ALL), states, atol=1e-5)


@pytest.mark.parametrize("layer", [EncoderLayer, DecoderLayer])
def test_its_configuration_makes_it_again(layer):
    made = layer(heads=2, feedforward=6, activation="gelu", dropout=0.25)
    again = layer.from_config(made.get_config())
    assert (again.heads, again.feedforward, again.activation, again.rate) == (2, 6, "gelu", 0.25)
