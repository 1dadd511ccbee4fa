"""What KerasHub's converters leave out of a model of Transformers; checked on KerasHub 0.32."""

from collections.abc import Mapping
from typing import Any

_GELU, _SILU = ("gelu",), ("silu",)
ASSUMED: dict[str, dict[str, tuple]] = {
    "bert": {"hidden_act": _GELU, "layer_norm_eps": (1e-12,), "position_embedding_type": ("absolute",)},
    "roberta": {"hidden_act": _GELU, "layer_norm_eps": (1e-5,), "position_embedding_type": ("absolute",)},
    "xlm-roberta": {"hidden_act": _GELU, "layer_norm_eps": (1e-5,), "position_embedding_type": ("absolute",)},
    "distilbert": {"activation": _GELU},
    "albert": {"hidden_act": ("gelu_new", "gelu_pytorch_tanh"), "layer_norm_eps": (1e-12,)},
    "bart": {"activation_function": _GELU, "scale_embedding": (False,)},
    "gpt2": {"activation_function": ("gelu_new", "gelu_pytorch_tanh"), "layer_norm_epsilon": (1e-5,)},
    "llama": {"hidden_act": _SILU, "attention_bias": (False,), "mlp_bias": (False,)},
    "mistral": {"hidden_act": _SILU},
    "qwen2": {"hidden_act": _SILU},
    "qwen3": {"hidden_act": _SILU, "attention_bias": (False,)},
    "smollm3": {"hidden_act": _SILU},
    "gemma": {"rms_norm_eps": (1e-6,)},
    "gemma2": {"rms_norm_eps": (1e-6,)},
}
"""For each `model_type`, the settings that its converter does not read, and the values that it assumes."""


def lost_in_conversion(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a backbone that KerasHub's converter does not pass on.

    `convert_llama3` drops `rms_norm_eps`, and the scaling of rotary positions if it is in `rope_parameters`, where
    Transformers 5 writes it.

    Args:
        config: the `config.json` of a model of Transformers.

    Raises:
        ValueError: if the model has a setting that KerasHub does not have, so that it would give other states.
    """
    kind = config["model_type"]
    for name, values in ASSUMED.get(kind, {}).items():
        if config.get(name, values[0]) not in values:
            allowed = " or ".join(map(str, values))
            raise ValueError(f"its {name} is {config[name]}, which KerasHub cannot convert; it assumes {allowed}")
    rope = config.get("rope_parameters") or {}
    scaling = rope.get("rope_type", "default")
    if kind != "llama":
        if scaling != "default" or (config.get("rope_scaling") and not kind.startswith("gemma3")):
            raise ValueError("its rotary positions are scaled, which KerasHub does not convert for this family")
        return {}
    size = config["hidden_size"] // config["num_attention_heads"]
    if (config.get("head_dim") or size) != size:
        raise ValueError(f"its head_dim is {config['head_dim']}, which KerasHub cannot convert; it assumes {size}")
    found = {"layer_norm_epsilon": config["rms_norm_eps"]}
    if scaling == "llama3":
        found |= {
            "rope_frequency_adjustment_factor": rope["factor"],
            "rope_low_freq_factor": rope["low_freq_factor"],
            "rope_high_freq_factor": rope["high_freq_factor"],
            "rope_pretraining_sequence_length": rope["original_max_position_embeddings"],
        }
    elif scaling != "default":
        raise ValueError(f"its rotary positions are scaled by the rule '{scaling}', which KerasHub does not have")
    return found
