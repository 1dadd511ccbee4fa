import random

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import erf

from tests.presets import MAX_LENGTH, save_preset
from tfmtl.core.errors import ConfigurationError
from tfmtl.data.special_tokens import PAD_ID
from tfmtl.models.decoders.continuation import Continuation
from tfmtl.models.decoders.task_mark import PrefixLMMark
from tfmtl.models.decoders.transformer import TransformerDecoder
from tfmtl.models.encoders.preset import PresetEncoder

TEXTS = np.int32([[9, 5, 7, PAD_ID, PAD_ID], [6, 4, 8, 10, 5]])
SUMMARIES = np.int32([[7, 8, 5, 9], [6, 11, 4, 4]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    random.seed(3)
    return save_preset("gpt2", tmp_path_factory.mktemp("gpt2"))


@pytest.fixture(scope="module")
def backbone(folder):
    """The preset's own, with weights that are not as small as initial ones."""
    backbone = keras_hub.models.Backbone.from_preset(str(folder))
    generator = np.random.default_rng(4)
    for variable in backbone.trainable_variables:
        variable.assign(variable + 0.3 * generator.normal(size=variable.shape).astype(np.float32))
    backbone.save_to_preset(str(folder))
    return backbone


@pytest.fixture(scope="module")
def encoder(backbone, folder):
    return PresetEncoder(preset=str(folder), max_length=16, name="trunk")


@pytest.fixture(scope="module")
def writer(encoder):
    return encoder.writer(encoder.decoder(2, None, 6, name="title_decoder"))


def states_of(backbone, *parts):
    """What KerasHub's backbone makes of ids one after the other, without padding."""
    ids = np.concatenate(parts)[None]
    return np.array(backbone({"token_ids": ids, "padding_mask": np.ones_like(ids)}))[0]


def test_a_summary_follows_its_text_as_if_nothing_stood_between(backbone, encoder, writer):
    embed = backbone.token_embedding
    hidden = writer(embed(SUMMARIES), encoder(embed(TEXTS), TEXTS), TEXTS)
    for row, length in enumerate((3, 5)):
        expected = states_of(backbone, TEXTS[row, :length], SUMMARIES[row])[length:]
        np.testing.assert_allclose(hidden[row], expected, atol=1e-5)


def test_the_mark_of_the_task_is_added_to_what_is_written(backbone, encoder):
    decoder = encoder.decoder(2, None, 6, name="other_decoder")
    embed = backbone.token_embedding
    states = encoder(embed(TEXTS), TEXTS)
    plain = encoder.writer(decoder)(embed(SUMMARIES), states, TEXTS)
    decoder.mark.assign(np.linspace(-1, 1, 8))
    marked = encoder.writer(decoder)(embed(SUMMARIES), states, TEXTS)
    by_hand = encoder(embed(SUMMARIES) + np.linspace(-1, 1, 8, dtype=np.float32), TEXTS, context=states.context).last
    np.testing.assert_allclose(marked, by_hand, atol=1e-6)
    assert np.abs(marked - plain).max() > 0.1


def test_piece_by_piece_it_writes_as_at_once(backbone, encoder, writer):
    embed = backbone.token_embedding
    states = encoder(embed(TEXTS), TEXTS)
    whole = writer(embed(SUMMARIES), states, TEXTS)
    step = tf.function(writer.step, autograph=False)
    cache, source = writer.initial_cache(states, TEXTS), writer.keys_and_values(states)
    for position in range(SUMMARIES.shape[1]):
        one = embed(SUMMARIES[:, position : position + 1])
        hidden, cache = step(one, tf.constant(position), cache, source, tf.constant(TEXTS))
        np.testing.assert_allclose(hidden[:, 0], whole[:, position], atol=1e-5)
    assert [tuple(part.shape) for part in cache] == [(2, 2, 6, 2, 4)] * len(encoder.trunk.layers)


def test_a_new_decoder_may_be_asked_for(folder, backbone):
    encoder = PresetEncoder(preset=str(folder), max_length=16, pretrained_decoder=False, decoder_heads=2)
    decoder = encoder.decoder(1, None, 6)
    assert isinstance(decoder, TransformerDecoder) and encoder.writer(decoder) is decoder


def test_a_saved_trunk_still_continues(encoder, writer, backbone):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(encoder))
    again.trunk.set_weights(encoder.trunk.get_weights())
    embed = backbone.token_embedding
    states = again(embed(TEXTS), TEXTS)
    assert [tuple(part.shape) for part in states.context] == [(2, 2, 5, 2, 4)] * len(again.trunk.layers)
    found = Continuation(again, writer._start)(embed(SUMMARIES), states, TEXTS)
    expected = writer(embed(SUMMARIES), encoder(embed(TEXTS), TEXTS), TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_text_and_its_summary_must_have_places(folder, backbone):
    encoder = PresetEncoder(preset=str(folder), max_length=MAX_LENGTH - 5)
    with pytest.raises(
        ConfigurationError,
        match=f"has positions for {MAX_LENGTH} tokens; a text of 59 and what follows it, 6, need more",
    ):
        encoder.decoder(1, None, 6)


def test_states_of_an_encoder_are_transformed_as_in_a_masked_language_model():
    mark = PrefixLMMark(6, hidden=8, name="title_decoder")
    embedded, hidden = (np.random.default_rng(size).normal(size=[2, 3, size]).astype(np.float32) for size in (4, 8))
    np.testing.assert_array_equal(mark(embedded), embedded)
    transformed = hidden @ np.array(mark.transform.kernel)
    activated = transformed * 0.5 * (1 + erf(transformed / np.sqrt(2)))
    centred = activated - activated.mean(axis=-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    np.testing.assert_allclose(mark.predicted(hidden), expected, rtol=1e-4, atol=1e-5)
    again = PrefixLMMark.from_config(mark.get_config())
    again.build((None, 3, 4))
    assert [tuple(each.shape) for each in again.weights] == [(4,), (8, 4), (4,), (4,), (4,)]
