import keras
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from tfmtl.data.special_tokens import END_ID, PAD_ID
from tfmtl.kinds.classification.head import ClassificationHead
from tfmtl.models.layers.pooled_head import PooledHead
from tfmtl.models.layers.pooling import AttentionPooling, LastPooling, MeanPooling
from tfmtl.models.layers.solved_head import (
    ExtendedHead,
    LinearScores,
    PooledFeatures,
    PrototypeScores,
    SolvedHead,
    pooling_for,
)
from tfmtl.models.saved_layers import layer_config, layer_of

TOKENS = np.array([[7, 8, END_ID, 9, END_ID, PAD_ID], [7, END_ID, 9, 9, 9, END_ID]], np.int32)
STATES = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)


def unit(vector):
    return vector / np.linalg.norm(vector)


def test_a_text_is_the_mean_of_its_states_of_length_one():
    found = PooledFeatures()(STATES, TOKENS)
    expected = [unit(STATES[0, :5].mean(axis=0)), unit(STATES[1].mean(axis=0))]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_last_state_can_stand_for_a_text():
    found = PooledFeatures(LastPooling)(STATES, TOKENS)
    np.testing.assert_allclose(found, [unit(STATES[0, 4]), unit(STATES[1, 5])], rtol=1e-5)


def test_a_pair_is_both_texts_and_what_differs_between_them():
    found = np.asarray(PooledFeatures(pair=True)(STATES, TOKENS))
    u, v = unit(STATES[0, :3].mean(axis=0)), unit(STATES[0, 3:5].mean(axis=0))
    np.testing.assert_allclose(found[0], np.concatenate([u, v, abs(u - v), u * v]), rtol=1e-4, atol=1e-6)


def test_a_row_of_padding_alone_is_no_nan():
    found = PooledFeatures()(STATES[:1], np.full((1, 6), PAD_ID, np.int32))
    np.testing.assert_array_equal(found, np.zeros((1, 4)))


def test_learned_pooling_begins_as_the_mean_which_takes_its_place():
    assert pooling_for(AttentionPooling) is MeanPooling
    assert pooling_for(LastPooling) is LastPooling


def test_prototypes_score_by_negative_squared_distances():
    layer = PrototypeScores(3)
    layer.build((None, 4))
    prototypes = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    layer.set_weights([prototypes, np.float32(2.5)])
    vectors = STATES[0]
    expected = [[-2.5 * np.linalg.norm(vector - prototype) ** 2 for prototype in prototypes] for vector in vectors]
    np.testing.assert_allclose(layer(vectors), expected, rtol=1e-5)


@pytest.fixture
def solved():
    head = SolvedHead(PooledFeatures(name="features"), LinearScores(3, name="scores"), name="topic")
    head.build(STATES.shape, TOKENS.shape)
    generator = np.random.default_rng(2)
    head.scores.set_weights([generator.normal(size=(4, 3)), generator.normal(size=3)])
    return head


def test_a_linear_head_is_linear_in_the_vector_of_a_text(solved):
    kernel, bias = solved.scores.get_weights()
    vectors = np.asarray(solved.features(STATES, TOKENS))
    np.testing.assert_allclose(solved(STATES, TOKENS), vectors @ kernel + bias, rtol=1e-5)
    assert solved.trainable_variables == []


def test_new_classes_take_their_share_and_leave_the_ratios_of_the_old_ones(solved):
    old = ClassificationHead(2, name="old")
    head = ExtendedHead(old, solved, old_classes=2, name="topic")
    head.build(STATES.shape, TOKENS.shape)
    old.temperature.assign(2.5)
    found = softmax(np.asarray(head(STATES, TOKENS)), axis=1)
    alone = softmax(np.asarray(old(STATES, TOKENS)) / 2.5, axis=1)
    of_all = softmax(np.asarray(solved(STATES, TOKENS)), axis=1)
    np.testing.assert_allclose(found[:, 2], of_all[:, 2], rtol=1e-5)
    np.testing.assert_allclose(found[:, :2], alone * of_all[:, :2].sum(axis=1, keepdims=True), rtol=1e-5)


def test_a_head_is_made_again_from_its_configuration(solved):
    old = PooledHead(2, name="old")
    head = ExtendedHead(old, solved, old_classes=2, name="topic")
    expected = np.asarray(head(STATES, TOKENS))
    again = layer_of(layer_config(head))
    again.build(STATES.shape, TOKENS.shape)
    again.set_weights(head.get_weights())
    np.testing.assert_array_equal(again(STATES, TOKENS), expected)


def test_half_precision_of_the_rest_leaves_the_scores_in_float32(solved):
    config = layer_config(solved)
    config["config"]["dtype"] = "bfloat16"
    half = layer_of(config)
    half.build(STATES.shape, TOKENS.shape)
    half.set_weights(solved.get_weights())
    found = np.asarray(half(keras.ops.cast(STATES, "bfloat16"), TOKENS))
    assert found.dtype == np.float32
    np.testing.assert_allclose(log_softmax(found), log_softmax(np.asarray(solved(STATES, TOKENS))), atol=0.05)
