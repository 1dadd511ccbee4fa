import keras
import numpy as np
import pytest

from tests.models.pretrained.backbones import CAUSAL, ENCODERS
from tests.presets import save_preset
from tfmtl.core.errors import ConfigurationError
from tfmtl.models.encoders.preset import PresetEncoder
from tfmtl.models.layers.low_rank_update import LowRankUpdate
from tfmtl.models.pretrained.lora import LoraOptions, add_lora

EVERYTHING = LoraOptions(rank=2, targets=("query", "key", "value", "attention_output", "feedforward"))
WITH_GATES = {*CAUSAL} - {"gpt2", "opt", "bloom", "falcon"}
"""The families whose feed-forward networks have three kernels."""
TOKENS = np.array([[2, 9, 5, 7, 3], [2, 6, 8, 3, 0]], np.int32)


@pytest.mark.parametrize("family", [*CAUSAL, *ENCODERS])
def test_every_target_is_found_in_every_layer_of_every_family(family):
    backbone = {**CAUSAL, **ENCODERS}[family]()
    adapted = add_lora(backbone, EVERYTHING, "lora").updates
    attributes = [where.attribute for where in adapted]
    layers = attributes.count(adapted[0].attribute)
    assert layers == (4 if family == "albert" else 2)
    # Four kernels of attention, and two or three of the feed-forward network.
    assert len(adapted) / layers in (6, 7)
    assert {id(variable) for variable in backbone.trainable_variables} == {
        id(variable) for where in adapted for variable in where.layer.trainable_variables
    }
    paths = [variable.path for variable in backbone.trainable_variables]
    # KerasHub gives SmolLM 3's projections of the attention's output the same path in each layer.
    assert len(set(paths)) == len(paths) - (2 if family == "smollm3" else 0)


def test_by_default_queries_and_values_learn_at_twice_the_rank():
    backbone = CAUSAL["llama"]()
    adapted = add_lora(backbone, LoraOptions(), "lora").updates
    assert sorted(where.attribute for where in adapted) == ["_query_dense"] * 2 + ["_value_dense"] * 2
    # 16 wide; 4 heads of 4 for queries, 2 for values: rank 8 times the sum of both sides.
    assert sum(variable.numpy().size for variable in backbone.trainable_variables) == 2 * 8 * ((16 + 16) + (16 + 8))
    assert {where.layer._scale for where in adapted} == {2.0}


def test_a_target_that_does_not_exist_is_named():
    backbone = keras.Sequential([keras.layers.Dense(2)])
    backbone.build((None, 3))
    with pytest.raises(ConfigurationError, match=r"^model\.encoder\.lora\.targets: this preset has no layer 'query'"):
        add_lora(backbone, LoraOptions(), "model.encoder.lora")


def test_a_rank_beyond_the_kernel_s_is_named_and_a_target_named_twice_is_one():
    with pytest.raises(ConfigurationError, match=r"^lora\.rank: a kernel of 16 x 8 has no update of rank 9$"):
        add_lora(CAUSAL["llama"](), LoraOptions(rank=9, targets=("value",)), "lora")
    assert LoraOptions(targets=("query", "query", "key")).targets == ("query", "key")


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    return save_preset("bert", tmp_path_factory.mktemp("bert"))


def states_of(encoder, embedded):
    return np.array(encoder(embedded, TOKENS).last)


@pytest.fixture
def trained(preset):
    """An encoder whose updates are not zero, and embeddings."""
    encoder = PresetEncoder(preset=str(preset), max_length=16, lora={"rank": 2}, name="trunk")
    generator = np.random.default_rng(0)
    for variable in encoder.trainable_variables:
        variable.assign(generator.normal(size=variable.shape))
    return encoder, generator.normal(size=(2, 5, 8)).astype(np.float32)


def test_a_saved_trunk_keeps_its_factors(trained, tmp_path):
    encoder, embedded = trained
    inputs = [keras.Input((None, 8)), keras.Input((None,), dtype="int32")]
    model = keras.Model(inputs, encoder(*inputs).last)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded([embedded, TOKENS]), model([embedded, TOKENS]))
    for found, expected in zip(loaded.trainable_variables, model.trainable_variables, strict=True):
        assert found.path == expected.path
        np.testing.assert_array_equal(found, expected)
    assert len(loaded.non_trainable_variables) == len(model.non_trainable_variables)


def test_a_merged_trunk_reads_the_same_and_has_no_factors(trained, preset):
    encoder, embedded = trained
    before = states_of(encoder, embedded)
    plain = PresetEncoder(preset=str(preset), max_length=16, name="trunk")
    assert np.abs(before - states_of(plain, embedded)).max() > 0.1
    encoder.merge_updates()
    np.testing.assert_allclose(states_of(encoder, embedded), before, rtol=1e-4, atol=1e-5)
    # It is the trunk without LoRA, weight by weight.
    assert [variable.path for variable in encoder.weights] == [variable.path for variable in plain.weights]
    copy = PresetEncoder.from_config(encoder.get_config())
    copy.set_weights(encoder.get_weights())
    np.testing.assert_array_equal(states_of(copy, embedded), states_of(encoder, embedded))
    assert not any(isinstance(layer, LowRankUpdate) for layer in encoder._flatten_layers())


def test_updates_can_be_merged_whatever_the_axes_of_a_kernel():
    backbone = CAUSAL["gemma"]()
    tokens = {"token_ids": TOKENS, "padding_mask": np.ones_like(TOKENS)}
    lora = add_lora(backbone, EVERYTHING, "lora")
    generator = np.random.default_rng(0)
    for where in lora.updates:
        where.layer.up.assign(generator.normal(size=where.layer.up.shape))
    before = np.array(backbone(tokens))
    lora.merge()
    np.testing.assert_allclose(backbone(tokens), before, rtol=1e-3, atol=1e-4)


# Of each way in which families hold their kernels, one; the others are further variants.
_DIFFERENT = ("gpt2", "llama", "bert", "albert")


@pytest.mark.parametrize(
    "family",
    [pytest.param(family, marks=() if family in _DIFFERENT else pytest.mark.large) for family in (*CAUSAL, *ENCODERS)],
)
def test_frozen_kernels_of_eight_bits_become_floats_again_when_merged(family):
    backbone = {**CAUSAL, **ENCODERS}[family]()
    # SmolLM 3 gives some variables of different layers the same path.
    paths, weights = zip(*((variable.path, np.array(variable)) for variable in backbone.variables), strict=True)
    lora = add_lora(backbone, LoraOptions(rank=2, base="int8"), "lora")
    assert len(lora.quantized) == (24 if family == "albert" else 12 if family not in WITH_GATES else 14)
    assert {str(place.layer.kernel.dtype) for place in lora.quantized} == {"int8"}
    lora.merge()
    assert [variable.path for variable in backbone.variables] == [*paths]
    for variable, before in zip(backbone.variables, weights, strict=True):
        # Half a step, of which a column has 127 up to its largest weight; the updates are still zero.
        np.testing.assert_allclose(variable, before, atol=0.51 / 127 * np.abs(variable).max())


def test_a_trunk_with_kernels_of_eight_bits_is_saved_and_merged(preset, tmp_path):
    options = {"max_length": 16, "name": "trunk"}
    encoder = PresetEncoder(preset=str(preset), lora={"rank": 2, "base": "int8"}, **options)
    generator = np.random.default_rng(0)
    embedded = generator.normal(size=(2, 5, 8)).astype(np.float32)
    plain = PresetEncoder(preset=str(preset), **options)
    difference = np.abs(states_of(encoder, embedded) - states_of(plain, embedded)).max()
    # The kernels are small, so that rounding them changes little.
    assert 1e-6 < difference < 1e-3
    for variable in encoder.trainable_variables:
        variable.assign(generator.normal(size=variable.shape))
    inputs = [keras.Input((None, 8)), keras.Input((None,), dtype="int32")]
    model = keras.Model(inputs, encoder(*inputs).last)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded([embedded, TOKENS]), model([embedded, TOKENS]))
    before = states_of(encoder, embedded)
    encoder.merge_updates()
    np.testing.assert_allclose(states_of(encoder, embedded), before, rtol=1e-4, atol=1e-5)
    assert [variable.path for variable in encoder.weights] == [variable.path for variable in plain.weights]
