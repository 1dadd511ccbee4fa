import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.registry import ENCODERS
from tfmtl.models.build import build_model
from tfmtl.models.decoders.continuation import Continuation
from tfmtl.models.encoders.gpt import GPTEncoder, GPTOptions
from tfmtl.models.layers.pooling import LastPooling

HIDDEN, LENGTH = 8, 6
TOKENS = np.int32([[2, 7, 8, 3, 0, 0], [2, 5, 3, 9, 8, 3]])
PLAIN = {"layers": 2, "hidden": HIDDEN, "heads": 2, "feedforward": 16, "max_length": LENGTH, "dropout": 0.0}
LAYERS = {
    "default": {},
    "original": {"positions": "sine", "norm_first": False},
    "modern": {"positions": "rotary", "norm": "rms", "gated": True, "activation": "silu"},
}
generator = np.random.default_rng(0)
TEXT = generator.normal(size=[2, LENGTH, HIDDEN]).astype(np.float32) * HIDDEN**-0.5
SUMMARY = generator.normal(size=[2, 4, HIDDEN]).astype(np.float32) * HIDDEN**-0.5


def encoder(**options):
    random.seed(3)
    layer = GPTEncoder(**{**PLAIN, **options})
    layer.build((None, None, HIDDEN), (None, None))
    return layer


def writer_of(layer):
    start = layer.decoder(layers=2, dropout=None, max_length=5, name="title_decoder")
    start.build((None, None, HIDDEN))
    return layer.writer(start)


@pytest.fixture(scope="module", params=LAYERS)
def trunk(request):
    return encoder(**LAYERS[request.param])


def test_it_is_registered():
    entry = ENCODERS.get("gpt")
    assert (entry.build, entry.options) == (GPTEncoder, GPTOptions)


def test_the_states_are_what_each_layer_has_read_and_what_the_last_has_made(trunk):
    states = trunk(TEXT, TOKENS)
    (first, second), last = states.context, states.last
    assert [part.shape for part in (first, second, last)] == [(2, LENGTH, HIDDEN)] * 3
    causal = np.tril(np.ones([LENGTH, LENGTH], bool))[None, None]
    np.testing.assert_allclose(trunk.layers[0](first, causal), second, atol=1e-5)
    np.testing.assert_allclose(trunk.norm(trunk.layers[1](second, causal)), last, atol=1e-5)


def test_no_piece_sees_those_after_it(trunk):
    changed = TEXT.copy()
    changed[:, 3:] += 5.0
    read = [trunk(text, TOKENS) for text in (TEXT, changed)]
    found, same = (np.concatenate([*states.context, states.last], axis=-1) for states in read)
    np.testing.assert_array_equal(found[:, :3], same[:, :3])
    assert not np.allclose(found[:, 3:], same[:, 3:])


def test_a_summary_is_written_as_if_it_stood_behind_its_text(trunk):
    writer, full = writer_of(trunk), np.full([2, LENGTH], 7, np.int32)
    states = trunk(TEXT, full)
    whole = np.concatenate([states.context[0], writer._start(SUMMARY)], axis=1)
    causal = np.tril(np.ones([LENGTH + 4, LENGTH + 4], bool))[None, None]
    for layer in trunk.layers:
        whole = layer(whole, causal)
    np.testing.assert_allclose(writer(SUMMARY, states, full), trunk.norm(whole)[:, LENGTH:], atol=1e-5)


def test_a_position_at_a_time_gives_what_the_whole_gives(trunk):
    writer, states = writer_of(trunk), trunk(TEXT, TOKENS)

    @tf.function(autograph=False)
    def step(embedded, position, cache):
        return writer.step(embedded, position, cache, writer.keys_and_values(states), TOKENS)

    cache, steps = writer.initial_cache(states, TOKENS), []
    for position in range(SUMMARY.shape[1]):
        state, cache = step(SUMMARY[:, position : position + 1], tf.constant(position), cache)
        steps.append(state)
    np.testing.assert_allclose(tf.concat(steps, axis=1), writer(SUMMARY, states, TOKENS), atol=1e-5)


def test_padding_changes_no_summary(trunk):
    writer = writer_of(trunk)
    alone = trunk(TEXT[:1, :4], TOKENS[:1, :4])
    found = writer(SUMMARY, trunk(TEXT, TOKENS), TOKENS)
    np.testing.assert_allclose(writer(SUMMARY[:1], alone, TOKENS[:1, :4])[0], found[0], atol=1e-5)


def test_dropout_is_on_in_training_only():
    trunk = encoder(dropout=0.3)
    states = trunk(TEXT, TOKENS)
    writer = writer_of(trunk)
    np.testing.assert_array_equal(writer(SUMMARY, states, TOKENS), writer(SUMMARY, states, TOKENS))
    assert not np.allclose(trunk(TEXT, TOKENS, training=True).last, states.last)
    start = writer._start(SUMMARY)
    written = [trunk(start, TOKENS, context=states.context, training=training) for training in (True, False)]
    assert not np.allclose(written[0].last, written[1].last)


def test_its_configuration_makes_it_again():
    layer = encoder()
    assert GPTEncoder.from_config(layer.get_config()).options == layer.options


def test_a_model_of_all_kinds_of_tasks_shares_its_trunk_with_its_writers(make_experiment, data, tmp_path):
    options = {"type": "gpt", **PLAIN, "hidden": 16, "max_length": 48}
    experiment = make_experiment(model={"encoder": options})
    model = build_model(
        experiment.model, data.tasks, data.slices, data.columns, data.tokenizer.vocabulary_size, "float32"
    )
    layers = model.network.layers
    assert sorted(model.output) == sorted(data.tasks)
    assert isinstance(layers.heads["topic"].pooling, LastPooling)
    assert isinstance(layers.sharing.trunk.writer(layers.decoders["title"]), Continuation)
    # The writer's own: 48 places at most of the task, and its separator.
    own = {weight.path: weight.shape for weight in layers.decoders["title"].weights}
    assert [shape[-1:] for shape in own.values()] == [(16,), (16,)]

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    inputs = {name: np.int32([[2, 7, 8, 9, 3], [2, 5, 3, 0, 0]]) for name in model.input}
    for name, answer in model(inputs).items():
        np.testing.assert_allclose(loaded(inputs)[name], answer, atol=1e-5, err_msg=name)
