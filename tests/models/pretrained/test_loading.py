import json
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.models.pretrained.backbones import CAUSAL, ENCODERS, with_large_weights
from tfmtl.core.errors import ConfigurationError
from tfmtl.data.tokenizers.preset import load_tokenizer
from tfmtl.models.pretrained.loading import deserialize_backbone, load_backbone, read_preset, serialize_backbone

REAL = Path("~/.cache/tfmtl-pretrained").expanduser()
FLOAT32 = keras.DTypePolicy("float32")
LLAMA = {
    "model_type": "llama",
    "vocab_size": 17,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "hidden_size": 8,
    "intermediate_size": 12,
    "rms_norm_eps": 1e-2,
    "rope_theta": 1000.0,
    "tie_word_embeddings": True,
}


def states_of(backbone, ids):
    inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids), "segment_ids": np.zeros_like(ids)}
    states = backbone({name: inputs[name] for name in backbone.input})
    return np.array(states["sequence_output"] if isinstance(states, dict) else states)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["minilm", "smollm2"])
def test_a_real_model_has_the_ids_and_states_of_transformers(name):
    if not (REAL / name / "config.json").is_file():
        pytest.skip(f"there is no {REAL / name}")
    reference = json.loads(Path(__file__).with_name("transformers_states.json").read_text(encoding="utf-8"))[name]
    tokenizer = load_tokenizer(str(REAL / name))
    assert [list(map(int, tokenizer.tokenize(text))) for text in reference["texts"]] == reference["ids"]
    backbone = load_backbone(read_preset(str(REAL / name)), FLOAT32)
    for ids, states in zip(reference["ids"], reference["states"], strict=True):
        found = states_of(backbone, np.array([ids]))[0, :, ::7]
        np.testing.assert_allclose(found, states, atol=1e-4 * np.abs(states).max())


@pytest.fixture
def llama(tmp_path):
    """Returns what writes a model of Transformers with other settings, and returns its folder."""

    def write(**settings) -> str:
        config = {**LLAMA, **settings}
        generator = np.random.default_rng(0)
        layer = "model.layers.0"
        sizes = {"input_layernorm": (8,), "post_attention_layernorm": (8,), "self_attn.q_proj": (8, 8)}
        sizes |= {"self_attn.k_proj": (4, 8), "self_attn.v_proj": (4, 8), "self_attn.o_proj": (8, 8)}
        sizes |= {"mlp.gate_proj": (12, 8), "mlp.up_proj": (12, 8), "mlp.down_proj": (8, 12)}
        shapes = {f"{layer}.{name}.weight": size for name, size in sizes.items()}
        shapes |= {"model.embed_tokens.weight": (17, 8), "model.norm.weight": (8,)}
        weights = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        save_file(weights, tmp_path / "model.safetensors")
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return str(tmp_path)

    return write


def test_the_epsilon_of_a_llama_is_that_of_its_configuration(llama):
    backbone = load_backbone(read_preset(llama()), FLOAT32)
    assert backbone.layer_norm_epsilon == 1e-2 and backbone.token_embedding.tie_weights


def test_rotary_positions_that_transformers_5_scales_are_scaled(llama):
    scaling = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0}
    scaling |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    backbone = load_backbone(read_preset(llama(rope_parameters=scaling)), FLOAT32)
    assert (backbone.rope_max_wavelength, backbone.rope_frequency_adjustment_factor) == (500.0, 8.0)
    assert (backbone.rope_low_freq_factor, backbone.rope_high_freq_factor) == (1.0, 4.0)
    assert backbone.rope_pretraining_sequence_length == 64


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attention_bias": True}, "its attention_bias is True, which KerasHub cannot convert; it assumes False"),
        ({"head_dim": 6}, "its head_dim is 6, which KerasHub cannot convert; it assumes 4"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "its rotary positions are scaled by the rule 'yarn'"),
        ({"model_type": "gpt_neox"}, "is of the family gpt_neox: KerasHub gives its cached queries wrong positions"),
        ({"model_type": "mamba"}, "is of the family mamba: only these families were checked: Bert, Roberta"),
    ],
)
def test_a_model_that_would_be_read_wrongly_is_refused(llama, settings, message):
    with pytest.raises(ConfigurationError) as caught:
        load_backbone(read_preset(llama(**settings)), FLOAT32)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_without_weights_is_told_before_anything_is_loaded(llama, tmp_path):
    folder = llama()
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ConfigurationError, match=r"has no weights \(model.weights.h5 or "):
        read_preset(folder)


@pytest.mark.parametrize("name", ["llama", "llama3", "gemma2", "bert"])
def test_a_preset_of_kerashub_comes_back_as_it_was_saved(name, tmp_path):
    backbone = with_large_weights({**CAUSAL, **ENCODERS}[name]())
    backbone.save_to_preset(str(tmp_path))
    loaded = load_backbone(read_preset(str(tmp_path)), FLOAT32)
    ids = np.array([[2, 5, 9, 4]])
    np.testing.assert_allclose(states_of(loaded, ids), states_of(backbone, ids), atol=1e-6)
    assert loaded.token_embedding.tie_weights == backbone.token_embedding.tie_weights


def test_a_serialized_backbone_keeps_what_kerashub_forgets(llama):
    tied = deserialize_backbone(serialize_backbone(load_backbone(read_preset(llama()), FLOAT32)))
    assert tied.token_embedding.tie_weights and tied.layer_norm_epsilon == 1e-2
