"""What every trunk has in common, whatever it is made of."""

import json
import random

import numpy as np
import pytest
import tensorflow as tf

from tests.presets import save_preset
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import ENCODERS
from tfmtl.models.saved_layers import layer_config, layer_of
from tfmtl.models.trunk import States, Trunk

TOKENS = np.int32([[2, 7, 8, 3, 0, 0], [2, 5, 3, 9, 8, 3]])
SUMMARY = np.random.default_rng(1).normal(size=[2, 4, 8]).astype(np.float32)
PLAIN = {"layers": 2, "hidden": 8, "max_length": 8, "dropout": 0.0}
TRANSFORMER = {**PLAIN, "heads": 2, "feedforward": 16}
CASES = {
    "transformer": {**TRANSFORMER, "positions": "rotary", "norm": "rms", "gated": True},
    "bilstm_attention": {**PLAIN, "pair_attention": True, "attention": "bahdanau"},
    "gpt": {**TRANSFORMER, "positions": "sine", "norm_first": False},
    "preset": {"preset": "bert", "max_length": 8, "decoder_heads": 2},
    "preset that writes": {"preset": "bart", "max_length": 8, "layer_decay": 0.5},
    "preset that goes on": {"preset": "gpt2", "max_length": 8},
}
for entry in ENCODERS:
    # One that has no case yet is small, and has its own defaults otherwise.
    small = {name: value for name, value in TRANSFORMER.items() if name in entry.options.model_fields}
    if entry.name not in {case.split()[0] for case in CASES}:
        CASES[entry.name] = small


def test_every_encoder_is_registered_with_the_options_of_its_layer():
    for entry in ENCODERS:
        assert issubclass(entry.build, Trunk) and entry.options is entry.build.options_class, entry.name
        assert "max_length" in entry.options.model_fields and entry.summary, entry.name


@pytest.fixture(scope="module", params=CASES)
def trunk(request, tmp_path_factory):
    """One that is built, its weights far from their initial ones."""
    options, name = dict(CASES[request.param]), request.param.split()[0]
    random.seed(3)
    if name == "preset":
        options["preset"] = str(save_preset(options["preset"], tmp_path_factory.mktemp(options["preset"])))
    trunk = ENCODERS.get(name).build(**options, name="trunk")
    trunk.build((None, None, trunk.width), (None, None))
    generator = np.random.default_rng(2)
    for variable in trunk.trainable_variables:
        variable.assign(variable + 0.3 * generator.normal(size=variable.shape).astype(np.float32))
    return trunk


def embedded(trunk):
    return np.random.default_rng(0).normal(size=[2, 6, trunk.width]).astype(np.float32)


def test_it_makes_states_of_its_own_width(trunk):
    states = trunk(embedded(trunk), TOKENS)
    assert isinstance(trunk, Trunk) and isinstance(states, States)
    assert states.last.shape == (2, 6, trunk.states_width)


def test_its_configuration_makes_it_again(trunk):
    config = json.loads(json.dumps(layer_config(trunk)))
    again = layer_of(config)
    assert type(again) is type(trunk) and again.name == "trunk"
    assert again.options == trunk.options
    assert json.loads(json.dumps(layer_config(again))) == config
    again.build((None, None, again.width), (None, None))
    assert [tuple(v.shape) for v in again.variables] == [tuple(v.shape) for v in trunk.variables]
    again.set_weights(trunk.get_weights())
    found, expected = (each(embedded(trunk), TOKENS) for each in (again, trunk))
    np.testing.assert_allclose(found.last, expected.last, atol=1e-6)
    assert len(found.context) == len(expected.context)
    for part, of_expected in zip(found.context, expected.context, strict=True):
        np.testing.assert_allclose(part, of_expected, atol=1e-6)


def test_its_options_are_its_keyword_arguments(trunk):
    config = trunk.get_config()
    assert {name: config[name] for name in type(trunk.options).model_fields} == trunk.options.model_dump()
    with pytest.raises(ValueError, match="'layer_count'"):
        type(trunk)(**trunk.options.model_dump(), layer_count=3)
    with pytest.raises(ConfigurationError, match=rf"^{type(trunk).__name__}.max_length: .* found 0$"):
        type(trunk)(**{**trunk.options.model_dump(), "max_length": 0})


WINDOW = 4


@pytest.fixture(params=["transformer", "bilstm_attention", "preset", "preset that writes"])
def windowed(request, tmp_path):
    """One that reads in windows, and what it reads in one of them."""
    options, name = {**CASES[request.param], "max_length": WINDOW}, request.param.split()[0]
    if name == "preset":
        options["preset"] = str(save_preset(options["preset"], tmp_path))
    trunks = [ENCODERS.get(name).build(**options, **more, name="trunk") for more in ({"text_overflow": "windows"}, {})]
    for trunk in trunks:
        trunk.build((None, None, trunk.width), (None, None))
    trunks[1].set_weights(trunks[0].get_weights())
    return trunks


@pytest.mark.parametrize("length", [3, 4, 7, 8])
def test_a_window_is_read_like_a_text_of_its_own(windowed, length):
    trunk, plain = windowed
    ids = np.int32([[2, 7, 8, 3, 2, 5, 9, 3], [2, 5, 3, 0, 0, 0, 0, 0]])[:, :length]
    read = np.random.default_rng(0).normal(size=[2, length, trunk.width]).astype(np.float32)
    found = tf.function(trunk.read)(tf.constant(read), tf.constant(ids))
    parts = [plain(read[:, i : i + WINDOW], ids[:, i : i + WINDOW]) for i in range(0, length, WINDOW)]
    for row, real in enumerate(ids != 0):
        expected = np.concatenate([part.last[row] for part in parts])
        np.testing.assert_allclose(found.last[row][real], expected[real], atol=1e-5)
        for place, context in enumerate(found.context):
            expected = np.concatenate([part.context[place][row] for part in parts], axis=trunk.context_axis - 1)
            kept = np.compress(real, expected, axis=trunk.context_axis - 1)
            shown = np.compress(real, context[row], axis=trunk.context_axis - 1)
            np.testing.assert_allclose(shown, kept, atol=1e-5)
    assert len(found.context) == len(parts[0].context)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("transformer", {"positions": 0.5**3, "layer_0": 0.5**2, "layer_1": 0.5, "norm": 0.5}),
        ("gpt", {"layer_0": 0.5**2, "layer_1": 0.5, "norm": 0.5}),
        ("bilstm_attention", {"layer_0": 0.5**3, "layer_1": 0.5**2, "comparison": 0.5}),
    ],
)
def test_lower_layers_learn_more_slowly(case, expected):
    options = CASES[case] | ({"positions": "learned"} if case == "transformer" else {})
    trunk = ENCODERS.get(case).build(**options, layer_decay=0.5, name="trunk")
    trunk.build((None, None, 8), (None, None))
    rates = trunk.rates()
    assert rates["embedding/embeddings"] == 0.5 * expected["layer_0"]
    for layer, rate in expected.items():
        assert {found for path, found in rates.items() if f"/{layer}/" in f"/{path}"} == {rate}, layer
    assert rates.keys() - {"embedding/embeddings"} == {variable.path for variable in trunk.trainable_variables}
    plain = ENCODERS.get(case).build(**options, name="trunk")
    plain.build((None, None, 8), (None, None))
    assert plain.rates() == {}
