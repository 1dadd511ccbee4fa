import numpy as np
import pytest
import tensorflow as tf

from tfmtl.config.options import GenerationOptions
from tfmtl.data.special_tokens import END_ID, PAD_ID, START_ID
from tfmtl.generation.write import write

PLAIN = {"beams": 1, "length_penalty": 0.0, "no_repeat_ngram": 0, "min_length": 1}


@pytest.fixture(scope="module")
def source(data):
    """A batch of packed texts, of different lengths."""
    table = next(table for table in data.tables if table.slice.generated)
    return table.tokens.take(np.arange(4)).graph()[:-1].to_tensor(PAD_ID)


@pytest.fixture(scope="module")
def encoded(model, source):
    return model.network.encode(source)


def written(model, encoded, max_length=12, **options):
    generation = GenerationOptions(**{**PLAIN, **options})
    return tf.function(lambda: write(model.network, "title", encoded, max_length, generation), autograph=False)()


def parts(model):
    layers = model.network.layers
    return layers.embedding, layers.decoders["title"], layers.heads["title"]


def naive(model, states, source, steps):
    """Greedy search that reads the whole summary again for each piece: no cache, no kept keys."""
    embedding, decoder, head = parts(model)
    written = np.full([len(source), 1], START_ID, np.int32)
    total = np.zeros(len(source))
    for position in range(steps):
        hidden = decoder(embedding(written), states, source)
        logits = embedding(hidden, reverse=True)
        last = head.log_probabilities(
            logits[:, -1:], hidden[:, -1:], head.copy_keys(states.last, embedding(source)), source
        ).numpy()
        last[:, [PAD_ID, START_ID]] = -np.inf
        if position == 0:
            last[:, END_ID] = -np.inf
        ended = (written == END_ID).any(axis=1)
        chosen = np.where(ended, PAD_ID, last.argmax(axis=1))
        total += np.where(ended, 0.0, last.max(axis=1))
        written = np.concatenate([written, chosen[:, None]], axis=1).astype(np.int32)
    return written[:, 1:], total


def test_greedy_search_with_a_cache_equals_one_that_computes_everything_anew(model, encoded, source):
    found = written(model, encoded)
    tokens, total = naive(model, encoded.states["title"], source, steps=12)
    assert found.tokens.shape == (4, 12)
    np.testing.assert_array_equal(found.tokens, tokens)
    np.testing.assert_allclose(found.log_probabilities, total, rtol=1e-4)
    assert len({tuple(row) for row in tokens}) > 1


def test_a_task_s_own_length_ends_its_summaries_whatever_its_decoder_could_write(model, encoded):
    found = written(model, encoded, max_length=5)
    np.testing.assert_array_equal(found.tokens[:, :4], written(model, encoded).tokens[:, :4])
    assert found.tokens.shape == (4, 5)


def test_the_beams_of_a_row_read_its_own_source(model, encoded, source):
    """The score of a beam search is what the model gives to the summary as a whole."""
    found = written(model, encoded, beams=3)
    embedding, decoder, head = parts(model)
    states = encoded.states["title"]
    summary = np.concatenate([np.full([4, 1], START_ID), found.tokens], axis=1).astype(np.int32)
    hidden, following = decoder(embedding(summary[:, :-1]), states, source), summary[:, 1:]
    logits = embedding(tf.boolean_mask(hidden, following != PAD_ID), reverse=True)
    likelihood = head(logits, hidden, states.last, embedding(source), source, following)
    np.testing.assert_allclose(found.log_probabilities, tf.reduce_sum(likelihood, axis=1), rtol=1e-4, atol=1e-4)
    assert (found.log_probabilities.numpy() >= written(model, encoded).log_probabilities.numpy() - 1e-3).any()
