import random

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.models.decoders.lstm import LSTMDecoder
from tfmtl.models.trunk import States

generator = np.random.default_rng(0)
EMBEDDED = generator.normal(size=[2, 5, 8]).astype(np.float32) * 0.3
SOURCE = generator.normal(size=[2, 6, 8]).astype(np.float32)
STATES = States(SOURCE)
TOKENS = np.int32([[2, 7, 8, 3, 0, 0], [2, 5, 6, 9, 8, 3]])


@pytest.fixture(scope="module", params=["luong", "bahdanau"])
def decoder(request):
    random.seed(1)
    decoder = LSTMDecoder(layers=2, attention=request.param, dropout=0.3, max_length=7, name="title_decoder")
    decoder.build(EMBEDDED.shape, States(SOURCE.shape), TOKENS.shape)
    return decoder


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_it_is_the_formula_of_the_papers(decoder):
    """One layer after the other, one position after the other, by hand."""
    mask = (TOKENS != 0)[..., None]
    mean = (SOURCE * mask).sum(axis=1) / mask.sum(axis=1)
    kernel, bias = (np.array(weight) for weight in decoder.start.weights)
    parts = np.split(np.tanh(mean @ kernel + bias), 4, axis=-1)
    inputs = EMBEDDED * 8**0.5
    for index, layer in enumerate(decoder.layers):
        kernel, recurrent, bias = (np.array(weight) for weight in layer.weights)
        hidden, cell = parts[2 * index], parts[2 * index + 1]
        outputs = []
        for position in range(inputs.shape[1]):
            gates = np.split(inputs[:, position] @ kernel + hidden @ recurrent + bias, 4, axis=-1)
            cell = sigmoid(gates[1]) * cell + sigmoid(gates[0]) * np.tanh(gates[2])
            hidden = sigmoid(gates[3]) * np.tanh(cell)
            outputs.append(hidden)
        inputs = np.stack(outputs, axis=1)
    keys = SOURCE @ np.array(decoder.keys.kernel)
    if decoder.settings["attention"] == "luong":
        scores = np.einsum("bth,bsh->bts", inputs, keys)
    else:
        query = inputs @ np.array(decoder.query.kernel) + np.array(decoder.query.bias)
        scores = np.tanh(query[:, :, None] + keys[:, None]) @ np.array(decoder.score.kernel)[:, 0]
    weights = np.exp(scores) * (TOKENS != 0)[:, None]
    context = (weights / weights.sum(axis=-1, keepdims=True)) @ SOURCE
    combined = np.concatenate([context, inputs], axis=-1) @ np.array(decoder.combine.kernel)
    expected = np.tanh(combined + np.array(decoder.combine.bias))
    np.testing.assert_allclose(decoder(EMBEDDED, STATES, TOKENS), expected, atol=1e-5)


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


def test_the_source_s_padding_is_not_read(decoder):
    changed = np.where((TOKENS == 0)[..., None], 50.0, SOURCE).astype(np.float32)
    found, same = decoder(EMBEDDED, States(changed), TOKENS), decoder(EMBEDDED, STATES, TOKENS)
    np.testing.assert_allclose(found, same, atol=1e-6)


def test_its_configuration_makes_it_again(decoder):
    assert LSTMDecoder.from_config(decoder.get_config()).settings == decoder.settings


def test_an_unknown_attention_is_told():
    with pytest.raises(ValueError, match="known: luong, bahdanau"):
        LSTMDecoder(layers=1, attention="none", dropout=0.0, max_length=4)
