import json
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.sharing.conftest import TASKS, TOKENS
from tests.presets import save_preset
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import ENCODERS, SHARING
from tfmtl.models.build import build_model
from tfmtl.models.saved_layers import layer_config, layer_of
from tfmtl.training.variable_usage import variable_usage

SIZES = {"layers": 2, "hidden": 8, "heads": 2, "feedforward": 8, "max_length": 16, "dropout": 0.0}
READ = np.random.default_rng(2).normal(size=(2, 6, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    return {family: str(save_preset(family, tmp_path_factory.mktemp(family))) for family in ("bert", "gpt2")}


@pytest.fixture
def make(presets):
    def make(encoder, tasks=TASKS, tokens=2, **options):
        random.seed(5)
        if encoder in presets:
            trunk = ENCODERS.get("preset").build(preset=presets[encoder], max_length=16, **options, name="trunk")
        else:
            sizes = SIZES if encoder in ("transformer", "gpt") else {"layers": 1, "hidden": 8, "max_length": 16}
            trunk = ENCODERS.get(encoder).build(**sizes | options, name="trunk")
        scheme = SHARING.get("task_tokens").build(trunk, tasks, name="sharing", tokens=tokens)
        scheme.build((None, None, 8), (None, None))
        generator = np.random.default_rng(1)
        for variable in scheme.trainable_variables:
            variable.assign(variable + 0.5 * generator.normal(size=variable.shape).astype(np.float32))
        return scheme

    return make


@pytest.mark.parametrize("encoder", ["transformer", "gpt", "bert", "gpt2"])
def test_a_text_sees_no_token_and_a_task_only_its_own(make, encoder):
    scheme = make(encoder)
    views, alone, real = scheme(READ, TOKENS), scheme.trunk(READ, TOKENS), TOKENS != 0
    assert scheme.readings(3) == 1
    for view in views.values():
        np.testing.assert_allclose(view.last[real], alone.last[real], atol=2e-5)
        for found, expected in zip(view.context, alone.context, strict=True):
            assert found.shape == expected.shape
            np.testing.assert_allclose(
                np.moveaxis(found, scheme.trunk.context_axis, 1)[real],
                np.moveaxis(expected, scheme.trunk.context_axis, 1)[real],
                atol=2e-5,
            )
    scheme.of_tasks["title"].assign_add(np.array([1.0, -1.0] * 4, np.float32) + 0 * scheme.of_tasks["title"])
    after = scheme(READ, TOKENS)
    for task in TASKS:
        difference = np.abs(np.array(after[task].pooled[0]) - views[task].pooled[0]).max()
        assert difference > 1e-3 if task == "title" else difference == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("encoder", ["transformer", "gpt", "bert", "gpt2"])
def test_what_a_task_reads_does_not_depend_on_padding(make, encoder):
    scheme = make(encoder)
    longer = np.pad(TOKENS, [[0, 0], [0, 4]]), np.pad(READ, [[0, 0], [0, 4], [0, 0]], constant_values=3.0)
    for task, view in scheme(longer[1], longer[0]).items():
        np.testing.assert_allclose(view.pooled[0], scheme(READ, TOKENS)[task].pooled[0], atol=2e-5)


def test_a_token_reads_as_one_of_a_text_that_nothing_hides_it_from(make):
    # In a single layer, what a text sees of the tokens has no effect on them.
    scheme = make("transformer", tasks=["topic"], layers=1)
    trunk, tokens = scheme.trunk, np.full([2, 6], 7, np.int32)
    begun = tf.concat([tf.repeat(scheme.of_tasks["topic"], 2, axis=0), trunk.begin(READ, tokens)], axis=1)
    open_to_all = trunk.layers[0](begun, np.ones([2, 1, 1, 8], bool))
    expected = tf.reduce_mean(trunk.norm(open_to_all)[:, :2], axis=1)
    np.testing.assert_allclose(scheme(READ, tokens)["topic"].pooled[0], expected, atol=1e-5)


@pytest.mark.parametrize("encoder", ["transformer", "bert"])
def test_it_is_made_again_from_its_configuration(make, encoder):
    scheme = make(encoder)
    again = layer_of(json.loads(json.dumps(layer_config(scheme))))
    again.build((None, None, 8), (None, None))
    again.set_weights(scheme.get_weights())
    for task, view in again(READ, TOKENS).items():
        np.testing.assert_allclose(view.pooled[0], scheme(READ, TOKENS)[task].pooled[0], atol=1e-6)


@pytest.mark.parametrize(
    ("encoder", "options", "message"),
    [
        ("bilstm_attention", {}, r"model\.sharing: 'task_tokens' requires the encoder 'transformer' or 'gpt'"),
        ("transformer", {"text_overflow": "windows"}, r"model\.encoder\.text_overflow: windows: the tokens of"),
    ],
)
def test_a_trunk_that_cannot_read_them_is_refused(make, encoder, options, message):
    with pytest.raises(ConfigurationError, match=message):
        make(encoder, **options)


@pytest.mark.parametrize("encoder", ["transformer", "gpt"])
def test_in_a_model_heads_of_whole_texts_have_tokens_and_others_have_none(make_experiment, data, encoder, tmp_path):
    model = {"encoder": {"type": encoder, **SIZES, "max_length": 48}, "sharing": "task_tokens"}
    options = make_experiment(model=model).model
    random.seed(1)
    built = build_model(options, data.tasks, data.slices, data.columns, data.tokenizer.vocabulary_size, "float32")
    network, usage = built.network, variable_usage(built)
    paths = [variable.path for variable in built.trainable_variables]
    assert set(network.layers.sharing.of_tasks) == {"topic", "same", "stars"}
    for task in ("topic", "same", "stars"):
        own = {paths[position] for position in usage.own(task)}
        expected = [*network.own_variables(task), *network.layers.sharing.own_variables(task)]
        # The score of attention pooling has no part in it: its states are all the same.
        assert {variable.path for variable in expected} - own <= {f"{task}/pooling/score/kernel"}
        assert f"sharing/{task}_tokens" in own
    inputs = {name: np.array([[2, 7, 9, 3], [2, 5, 3, 0]], np.int32) for name in built.input}
    built.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for name, output in built(inputs).items():
        np.testing.assert_allclose(loaded(inputs)[name], output, rtol=1e-6, atol=1e-6)
