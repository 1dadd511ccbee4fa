"""Encoders as prefix language models, compared with their public layers under the mask of UniLM."""

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.models.pretrained.backbones import ENCODERS, with_large_weights
from tfmtl.core.private_api import feedforward_activation
from tfmtl.data.special_tokens import END_ID, PAD_ID
from tfmtl.models.layers.fused.compiled import NARROWEST
from tfmtl.models.pretrained.prefix_lm import PrefixLMLayers

TEXTS = np.array([[2, 5, END_ID, 0, 0, 0], [2, 9, END_ID, 11, 7, END_ID]], np.int32)
SUMMARIES = np.array([[2, 8, 6, 16], [2, 4, 4, 15]], np.int32)


@pytest.fixture(scope="module", params=ENCODERS)
def family(request):
    backbone = with_large_weights(ENCODERS[request.param]())
    return backbone, PrefixLMLayers(backbone, longest_text=64)


def states_of(backbone, tokens):
    """What the public backbone makes of texts."""
    inputs = {"token_ids": tokens, "padding_mask": (tokens != PAD_ID).astype(np.int32)}
    if "segment_ids" in backbone.input:
        ends = np.cumsum(tokens == END_ID, axis=1) - (tokens == END_ID)
        inputs["segment_ids"] = np.minimum(ends, 1)
    states = backbone(inputs)
    return np.array(states["sequence_output"] if isinstance(states, dict) else states)


def as_one_row(backbone, text, summary):
    """The states of a text and its summary by the public layers, with one mask for both and without keeping anything.

    The input of the first layer is made by hand: rows, positions, segments, norm and projection.
    """
    tokens, length = np.concatenate([text, summary]), len(text)
    positions = getattr(backbone, "position_embedding", None) or backbone.embeddings.position_embedding
    hidden = backbone.token_embedding(tokens) + positions.position_embeddings[: len(tokens)]
    if hasattr(backbone, "segment_embedding"):
        ends = np.cumsum(text == END_ID) - (text == END_ID)
        hidden += backbone.segment_embedding(np.concatenate([np.minimum(ends, 1), np.ones_like(summary)]))
    hidden = backbone.embeddings_layer_norm(hidden)[None]
    if hasattr(backbone, "embeddings_projection"):
        hidden = backbone.embeddings_projection(hidden)
    places = np.arange(len(tokens))
    # A text sees itself; a summary sees the text and what was written before.
    mask = (places[None] < length) | (places[None] <= places[:, None]) & (places[:, None] >= length)
    layers = backbone.transformer_layers
    if isinstance(layers[0], list):
        calls = backbone.num_layers // backbone.num_groups
        layers = [layer for group in layers for _ in range(calls) for layer in group]
    for layer in layers:
        hidden = layer(hidden, attention_mask=mask[None])
    return np.array(hidden)[0]


def test_texts_are_read_as_by_the_backbone(family):
    backbone, layers = family
    last, context = layers.read(backbone.token_embedding(TEXTS), TEXTS)
    real = TEXTS != PAD_ID
    np.testing.assert_allclose(np.array(last)[real], states_of(backbone, TEXTS)[real], atol=2e-5)
    assert len(context) == len(layers.layers) and context[0].shape == (2, 2, 6, 2, 8)


def test_summaries_are_written_as_under_the_mask_of_a_prefix_language_model(family):
    backbone, layers = family
    embed = backbone.token_embedding
    _, context = layers.read(embed(TEXTS), TEXTS)
    written = layers.write(embed(SUMMARIES), context, TEXTS)
    for row, length in enumerate((3, 6)):
        expected = as_one_row(backbone, TEXTS[row, :length], SUMMARIES[row])[length:]
        np.testing.assert_allclose(written[row], expected, atol=2e-5)


def test_token_by_token_it_writes_as_at_once(family):
    backbone, layers = family
    embed = backbone.token_embedding
    _, context = layers.read(embed(TEXTS), TEXTS)
    whole = np.array(layers.write(embed(SUMMARIES), context, TEXTS))
    step = tf.function(lambda *given: layers.step(*given, context, tf.constant(TEXTS)), autograph=False)
    cache = layers.initial_cache(len(TEXTS), SUMMARIES.shape[1] + 2)
    for position in range(SUMMARIES.shape[1]):
        hidden, cache = step(embed(SUMMARIES[:, position : position + 1]), tf.constant(position), cache)
        np.testing.assert_allclose(hidden[:, 0], whole[:, position], atol=2e-5)


def test_gradients_reach_exactly_what_was_seen(family):
    backbone, layers = family
    text, summary = (tf.constant(backbone.token_embedding(ids)) for ids in (TEXTS, SUMMARIES))
    with tf.GradientTape() as tape:
        tape.watch([text, summary])
        _, context = layers.read(text, TEXTS)
        second = layers.write(summary, context, TEXTS)[:, 1]
        loss = ops.sum(second * np.linspace(-1, 2, second.shape[-1], dtype=np.float32))
    of_text, of_summary = (np.abs(each).max(axis=2) for each in tape.gradient(loss, [text, summary]))
    assert (of_text > 1e-5).tolist() == [[True] * 3 + [False] * 3, [True] * 6]
    assert (of_summary > 1e-5).tolist() == [[True, True, False, False]] * 2


def test_the_gradient_of_a_projection_is_not_a_kernel_for_each_row():
    backbone = ENCODERS["bert"]()
    layers, rows = PrefixLMLayers(backbone, longest_text=64), 7
    tokens = tf.constant(np.tile(TEXTS[:1], (rows, 1)))
    embedded = backbone.token_embedding(tokens)

    @tf.function(autograph=False)
    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layers.read(embedded, tokens)[0] ** 2)
        return tape.gradient(loss, layers.trainable_variables)

    width = backbone.hidden_dim
    values = [output for each in gradients.get_concrete_function().graph.get_operations() for output in each.outputs]
    assert not [value for value in values if value.shape == (rows, width, width)]


def test_wide_layers_train_with_the_outputs_and_gradients_of_inference():
    sizes = {"num_layers": 1, "num_heads": 2, "hidden_dim": NARROWEST, "intermediate_dim": NARROWEST}
    backbone = keras_hub.models.BertBackbone(20, dropout=0.0, max_sequence_length=12, **sizes)
    feedforward_activation(backbone.transformer_layers[0], keras.activations.gelu)
    layers = PrefixLMLayers(with_large_weights(backbone), longest_text=8)
    variables = [variable.value for variable in backbone.transformer_layers[0].trainable_variables]
    results = []
    for training in (False, True):
        with tf.GradientTape() as tape:
            read, context = layers.read(backbone.token_embedding(TEXTS), TEXTS, training)
            written = layers.write(backbone.token_embedding(SUMMARIES), context, TEXTS, training)
            loss = tf.reduce_sum(tf.sin(read)) + tf.reduce_sum(tf.sin(written))
        results.append([read, *context, written, *tape.gradient(loss, variables)])
    for expected, found in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max() + 1e-5)
