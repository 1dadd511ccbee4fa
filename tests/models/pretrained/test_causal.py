"""Every causal family, compared with KerasHub's public model of rows without padding."""

import numpy as np
import pytest
import tensorflow as tf

from tests.models.pretrained.backbones import CAUSAL, ROWS, with_large_weights
from tfmtl.data.special_tokens import PAD_ID
from tfmtl.models.pretrained.causal import CausalLayers

LENGTHS = (3, 6, 1)
TEXTS = np.array([[2, 5, 3, 0, 0, 0], [2, 9, 4, 11, 7, 3], [3, 0, 0, 0, 0, 0]], np.int32)
SUMMARIES = np.array([[2, 8, 6, 16], [2, 4, 4, 15], [2, 12, 10, 9]], np.int32)


@pytest.fixture(scope="module", params=CAUSAL)
def family(request):
    """Returns a backbone and its layers."""
    backbone = with_large_weights(CAUSAL[request.param]())
    return backbone, CausalLayers(backbone, longest_text=64)


def states_of(backbone, ids):
    return np.array(backbone({"token_ids": ids[None], "padding_mask": np.ones_like(ids[None])}))[0]


def expected(backbone):
    """Returns the states of each text and of its summary as one row without padding."""
    for text, length, summary in zip(TEXTS, LENGTHS, SUMMARIES, strict=True):
        states = states_of(backbone, np.concatenate([text[:length], summary]))
        yield states[:length], states[length:]


def test_texts_and_summaries_have_the_states_of_one_row_without_padding(family):
    backbone, layers = family
    embed = backbone.token_embedding
    last, context = layers.read(embed(TEXTS), TEXTS)
    written = np.array(layers.write(embed(SUMMARIES), context, TEXTS))
    scale = max(np.abs(states).max() for pair in expected(backbone) for states in pair)
    for row, (text, summary) in enumerate(expected(backbone)):
        np.testing.assert_allclose(last[row, : LENGTHS[row]], text, atol=1e-5 * scale)
        np.testing.assert_allclose(written[row], summary, atol=1e-5 * scale)
    assert np.all(np.array(last)[TEXTS == PAD_ID] == 0)


def test_token_by_token_it_writes_as_at_once(family):
    backbone, layers = family
    embed = backbone.token_embedding
    _, context = layers.read(embed(TEXTS), TEXTS)
    whole = np.array(layers.write(embed(SUMMARIES), context, TEXTS))

    @tf.function(autograph=False)
    def step(embedded, position, cache):
        return layers.step(embedded, position, cache, context, tf.constant(TEXTS))

    # There is room for more than is written.
    cache = layers.initial_cache(len(TEXTS), SUMMARIES.shape[1] + 2)
    for position in range(SUMMARIES.shape[1]):
        hidden, cache = step(embed(SUMMARIES[:, position : position + 1]), tf.constant(position), cache)
        np.testing.assert_allclose(hidden[:, 0], whole[:, position], atol=1e-5 * np.abs(whole).max())


def test_gradients_flow_from_a_summary_through_its_text(family):
    backbone, layers = family
    row, length = 1, LENGTHS[1]
    weights = np.random.default_rng(1).normal(size=[SUMMARIES.shape[1], backbone.hidden_dim]).astype(np.float32)
    text, summary = (tf.constant(backbone.token_embedding(ids[row : row + 1])) for ids in (TEXTS, SUMMARIES))
    with tf.GradientTape() as tape:
        tape.watch([text, summary])
        _, context = layers.read(text, TEXTS[row : row + 1])
        loss = tf.reduce_sum(layers.write(summary, context, TEXTS[row : row + 1]) * weights)
    found = [np.array(each)[0] for each in tape.gradient(loss, [text, summary])]
    # As one row without a cache, whose embeddings are looked up in the backbone.
    both = np.concatenate([TEXTS[row], SUMMARIES[row]])[None]
    table = backbone.token_embedding.embeddings
    with tf.GradientTape() as tape:
        states = backbone({"token_ids": both, "padding_mask": np.ones_like(both)})
        loss = tf.reduce_sum(states[0, length:] * weights)
    of_table = np.array(tf.convert_to_tensor(tape.gradient(loss, table.value)))
    by_id = np.zeros_like(of_table)
    np.add.at(by_id, both[0], np.concatenate(found))
    np.testing.assert_allclose(by_id, of_table, atol=1e-4 * np.abs(of_table).max())
    assert by_id.shape[0] == ROWS and np.abs(found[0]).max() > 1e-3
