import random

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.data.special_tokens import PAD_ID
from tfmtl.models.decoders.preset import BartDecoder, T5Decoder
from tfmtl.models.trunk import States

models = keras_hub.models
SIZE = {"vocabulary_size": 20, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
FAMILIES = {
    "bart": (models.BartSeq2SeqLM, models.BartBackbone, {"max_sequence_length": 16}),
    "t5": (models.T5Seq2SeqLM, models.T5Backbone, {}),
    "t5, not tied, wide heads": (
        models.T5Seq2SeqLM,
        models.T5Backbone,
        {"tie_embedding_weights": False, "use_gated_activation": True, "key_value_dim": 6},
    ),
}
DECODERS = {models.BartBackbone: BartDecoder, models.T5Backbone: T5Decoder}
TOKENS = np.int32([[9, 5, 7, 11, PAD_ID, PAD_ID], [6, 4, 8, 10, 5, 12]])
SUMMARY = np.int32([[2, 7, 8, 5, 9], [2, 6, 14, 4, 4]])


@pytest.fixture(scope="module", params=list(FAMILIES))
def backbone(request):
    _, family, sizes = FAMILIES[request.param]
    random.seed(3)
    backbone = family(**SIZE, **sizes)
    generator = np.random.default_rng(4)
    for variable in backbone.trainable_variables:
        variable.assign(variable + 0.3 * generator.normal(size=variable.shape).astype(np.float32))
    backbone.language_model = next(language_model for language_model, of, _ in FAMILIES.values() if of is family)
    return backbone


@pytest.fixture(scope="module")
def decoder(backbone):
    decoder = DECODERS[type(backbone)](keras.saving.serialize_keras_object(backbone), 7, name="title_decoder")
    decoder.set_weights(decoder.weights_of(backbone))
    return decoder


@pytest.fixture(scope="module")
def whole(backbone):
    """What the backbone makes of the texts, `[batch, length, hidden]`, and the logits of its summaries."""
    inputs = {"encoder_token_ids": TOKENS, "encoder_padding_mask": (TOKENS != PAD_ID).astype(np.int32)}
    inputs |= {"decoder_token_ids": SUMMARY, "decoder_padding_mask": np.ones_like(SUMMARY)}
    return States(backbone(inputs)["encoder_sequence_output"]), backbone.language_model(backbone)(inputs)


def test_it_writes_as_kerashub_s_model_does(backbone, decoder, whole):
    states, logits = whole
    hidden = decoder(backbone.token_embedding(SUMMARY), states, TOKENS)
    found = backbone.token_embedding(hidden, reverse=True)
    np.testing.assert_allclose(found, logits, rtol=1e-4, atol=1e-4)
    assert np.ptp(logits, axis=-1).min() > 0.1


def test_a_position_at_a_time_gives_what_the_whole_gives(backbone, decoder, whole):
    states, _ = whole
    embedded = backbone.token_embedding(SUMMARY)

    @tf.function(autograph=False)
    def written():
        cache, source, steps = decoder.initial_cache(states, TOKENS), decoder.keys_and_values(states), []
        for position in range(SUMMARY.shape[1]):
            at = tf.constant(position)
            state, cache = decoder.step(embedded[:, position : position + 1], at, cache, source, TOKENS)
            steps.append(state)
        return tf.concat(steps, axis=1)

    np.testing.assert_allclose(written(), decoder(embedded, states, TOKENS), rtol=1e-4, atol=1e-5)


def test_dropout_is_on_in_training_only(backbone, decoder, whole):
    embedded, (states, _) = backbone.token_embedding(SUMMARY), whole
    plain = decoder(embedded, states, TOKENS)
    np.testing.assert_array_equal(plain, decoder(embedded, states, TOKENS, training=False))
    assert not np.allclose(plain, decoder(embedded, states, TOKENS, training=True))


def test_its_configuration_makes_it_again_and_two_have_variables_of_different_paths(decoder):
    again = type(decoder).from_config({**decoder.get_config(), "name": "note_decoder"})
    assert again.max_length == 7
    shapes = [[variable.shape for variable in each.variables] for each in (again, decoder)]
    assert shapes[0] == shapes[1] and len(shapes[0]) > 20
    paths = [variable.path for each in (again, decoder) for variable in each.trainable_variables]
    assert len(set(paths)) == len(paths)
