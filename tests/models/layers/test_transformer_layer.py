import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.errors import ConfigurationError
from tfmtl.models.layers.fused.compiled import NARROWEST
from tfmtl.models.layers.transformer_layer import DecoderLayer, EncoderLayer, FeedForward, LayerOptions

generator = np.random.default_rng(0)
STATES = generator.normal(size=[2, 4, 8]).astype(np.float32)
SOURCE = generator.normal(size=[2, 3, 8]).astype(np.float32)
ALL = np.ones([1, 1, 1, 1], bool)
PLAIN = {"heads": 2, "feedforward": 6, "dropout": 0.0}


def normalised(states):
    return (states - states.mean(-1, keepdims=True)) / np.sqrt(states.var(-1, keepdims=True) + 1e-5)


def test_the_feed_forward_network_by_formula():
    layer = FeedForward(inner=6, activation="relu")
    layer.build(STATES.shape)
    expand, reduce = np.array(layer.expand.kernel), np.array(layer.reduce.kernel)
    np.testing.assert_allclose(layer(STATES), np.maximum(STATES @ expand, 0) @ reduce, atol=1e-5)


def test_a_gated_network_multiplies_by_a_second_projection():
    layer = FeedForward(inner=6, activation="silu", gated=True)
    layer.build(STATES.shape)
    expand, gate, reduce = (np.array(dense.kernel) for dense in (layer.expand, layer.gate, layer.reduce))
    inner = STATES @ expand
    np.testing.assert_allclose(layer(STATES), inner / (1 + np.exp(-inner)) * (STATES @ gate) @ reduce, atol=1e-5)


def test_post_norm_normalises_the_sums():
    layer = EncoderLayer(**PLAIN, norm_first=False)
    layer.build(STATES.shape)
    middle = normalised(STATES + np.array(layer.attention(STATES, STATES, ALL)))
    np.testing.assert_allclose(layer(STATES, ALL), normalised(middle + np.array(layer.network(middle))), atol=1e-5)


def test_the_other_norm_divides_by_the_root_of_the_mean_square():
    norm = LayerOptions(norm="rms").make_norm("norm", "float32")
    norm.build(STATES.shape)
    expected = STATES / np.sqrt((STATES**2).mean(axis=-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(norm(STATES), expected, atol=1e-5)
    assert len(norm.weights) == 1


def test_each_sublayer_reads_normalised_states_and_is_added():
    layer = EncoderLayer(**{**PLAIN, "dropout": 0.5})
    layer.build(STATES.shape)
    inner = normalised(STATES)
    middle = STATES + np.array(layer.attention(inner, inner, ALL))
    expected = middle + np.array(layer.network(normalised(middle)))
    np.testing.assert_allclose(layer(STATES, ALL), expected, atol=1e-5)
    assert not np.allclose(layer(STATES, ALL, training=True), expected, atol=1e-2)


def test_a_decoder_layer_reads_the_source_between_the_two():
    layer = DecoderLayer(**PLAIN)
    layer.build(STATES.shape, SOURCE.shape)
    inner = normalised(STATES)
    states = STATES + np.array(layer.attention(inner, inner, ALL))
    states += np.array(layer.source_attention(normalised(states), SOURCE, ALL))
    states += np.array(layer.network(normalised(states)))
    np.testing.assert_allclose(layer(STATES, SOURCE, ALL, ALL), states, atol=1e-5)


@pytest.mark.parametrize("layer", [EncoderLayer, DecoderLayer])
def test_its_configuration_makes_it_again(layer):
    made = layer(heads=2, feedforward=6, norm="rms", gated=True, positions="rotary", name="third")
    again = layer.from_config(made.get_config())
    assert (again.options, again.name) == (made.options, "third")


@pytest.mark.parametrize("layer", [EncoderLayer, DecoderLayer])
def test_a_keyword_that_is_no_option_is_refused(layer):
    with pytest.raises(ValueError, match="'head'"):
        layer(head=2)
    with pytest.raises(ConfigurationError, match=rf"^{layer.__name__}.activation: unknown Keras activation"):
        layer(activation="gelou")


@pytest.mark.parametrize("norm_first", [False, True])
def test_wide_layers_train_with_the_outputs_and_gradients_of_inference(norm_first):
    layer = EncoderLayer(heads=2, feedforward=NARROWEST, dropout=0.0, norm_first=norm_first)
    states = tf.constant(generator.normal(size=[2, 3, NARROWEST]), tf.float32)
    layer.build(states.shape)
    results = []
    for training in (False, True):
        with tf.GradientTape() as tape:
            output = layer(states, ALL, training=training)
            loss = tf.reduce_sum(tf.sin(output))
        results.append([output, *tape.gradient(loss, [variable.value for variable in layer.trainable_variables])])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max() + 1e-6)
