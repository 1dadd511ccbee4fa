import random

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.errors import ConfigurationError
from tfmtl.models.decoders.transformer import TransformerDecoder
from tfmtl.models.trunk import States

generator = np.random.default_rng(0)
EMBEDDED = generator.normal(size=[2, 5, 8]).astype(np.float32) * 0.3
SOURCE = generator.normal(size=[2, 6, 8]).astype(np.float32)
STATES = States(SOURCE)
TOKENS = np.int32([[2, 7, 8, 3, 0, 0], [2, 5, 6, 9, 8, 3]])


LAYERS = {
    "default": {},
    "original": {"positions": "sine", "norm_first": False, "activation": "relu"},
    "modern": {"positions": "rotary", "norm": "rms", "gated": True, "activation": "silu"},
}


@pytest.fixture(scope="module", params=LAYERS)
def decoder(request):
    random.seed(1)
    options = {"heads": 2, "feedforward": 16, "dropout": 0.3, **LAYERS[request.param]}
    decoder = TransformerDecoder(**options, layers=2, max_length=7, name="title_decoder")
    decoder.build(EMBEDDED.shape, States(SOURCE.shape), TOKENS.shape)
    return decoder


def test_a_position_at_a_time_gives_what_the_whole_gives(decoder):
    @tf.function(autograph=False)
    def step(embedded, position, cache):
        return decoder.step(embedded, position, cache, decoder.keys_and_values(STATES), TOKENS)

    cache = decoder.initial_cache(STATES, TOKENS)
    steps = []
    for position in range(EMBEDDED.shape[1]):
        state, cache = step(EMBEDDED[:, position : position + 1], tf.constant(position), cache)
        steps.append(state)
    np.testing.assert_allclose(tf.concat(steps, axis=1), decoder(EMBEDDED, STATES, TOKENS), atol=1e-5)


def test_a_position_does_not_see_those_after_it(decoder):
    changed = EMBEDDED.copy()
    changed[:, 3:] += 5.0
    found, same = np.array(decoder(EMBEDDED, STATES, TOKENS)), np.array(decoder(changed, STATES, TOKENS))
    np.testing.assert_array_equal(found[:, :3], same[:, :3])
    assert not np.allclose(found[:, 3:], same[:, 3:])


def test_the_source_s_padding_is_not_read(decoder):
    changed = np.where((TOKENS == 0)[..., None], 50.0, SOURCE).astype(np.float32)
    np.testing.assert_array_equal(decoder(EMBEDDED, States(changed), TOKENS), decoder(EMBEDDED, STATES, TOKENS))


def test_dropout_is_on_in_training_only(decoder):
    plain = decoder(EMBEDDED, STATES, TOKENS)
    np.testing.assert_array_equal(plain, decoder(EMBEDDED, STATES, TOKENS, training=False))
    assert not np.allclose(plain, decoder(EMBEDDED, STATES, TOKENS, training=True))


def test_its_configuration_makes_it_again(decoder):
    again = TransformerDecoder.from_config(decoder.get_config())
    assert (again.options, again.options.layers, again.max_length) == (decoder.options, 2, 7)
    assert again.name == "title_decoder"


def test_a_keyword_that_is_no_option_is_refused():
    with pytest.raises(ValueError, match="'depth'"):
        TransformerDecoder(heads=2, depth=2)
    with pytest.raises(ConfigurationError, match=r"^TransformerDecoder.layers: .* found 0$"):
        TransformerDecoder(layers=0)
