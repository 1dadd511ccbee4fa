"""Tiny backbones of every family whose layers write, with random weights that are large enough to matter."""

from collections.abc import Callable

import keras_hub
import numpy as np

models = keras_hub.models
ROWS, LONGEST = 17, 32
_SIZE = {"num_layers": 2, "hidden_dim": 16, "intermediate_dim": 24}
_WITH_ROWS = {"vocabulary_size": ROWS, **_SIZE}
_PLACED = {**_WITH_ROWS, "num_heads": 2, "max_sequence_length": LONGEST}
_GROUPED = {**_WITH_ROWS, "num_query_heads": 4, "num_key_value_heads": 2}

CAUSAL: dict[str, Callable] = {
    "gpt2": lambda: models.GPT2Backbone(**_PLACED),
    "opt": lambda: models.OPTBackbone(**_PLACED),
    "bloom": lambda: models.BloomBackbone(**_WITH_ROWS, num_heads=2),
    "falcon": lambda: models.FalconBackbone(ROWS, 2, 2, 16, 24),
    "llama": lambda: models.LlamaBackbone(**_GROUPED, tie_word_embeddings=True),
    "llama3": lambda: models.Llama3Backbone(**_GROUPED),
    "mistral": lambda: models.MistralBackbone(**_GROUPED, sliding_window=3),
    "qwen": lambda: models.QwenBackbone(**_GROUPED, use_sliding_window=True, sliding_window_size=3),
    "qwen3": lambda: models.Qwen3Backbone(**_GROUPED, head_dim=6, tie_word_embeddings=True),
    "gemma": lambda: models.GemmaBackbone(**_GROUPED, head_dim=6),
    "gemma2": lambda: models.GemmaBackbone(
        **_GROUPED,
        head_dim=6,
        use_sliding_window_attention=True,
        sliding_window_size=3,
        attention_logit_soft_cap=50.0,
        final_logit_soft_cap=3.0,
        use_post_ffw_norm=True,
        use_post_attention_norm=True,
        query_head_dim_normalize=False,
    ),
    "gemma3": lambda: models.Gemma3Backbone(
        **_GROUPED, head_dim=6, image_size=None, vision_encoder=None, sliding_window_size=3
    ),
    "phi3": lambda: models.Phi3Backbone(**_GROUPED, max_sequence_length=LONGEST),
    "smollm3": lambda: models.SmolLM3Backbone(
        **_WITH_ROWS,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=LONGEST,
        rope_theta=10_000.0,
        partial_rotary_factor=1.0,
        attention_bias=False,
        attention_dropout=0.0,
        rope_layer_enabled_list=[True, False],
        layer_types=["full_attention"] * 2,
        mlp_bias=False,
        layer_norm_epsilon=1e-5,
    ),
}
"""By name: what makes the backbone of a causal family."""

ENCODERS: dict[str, Callable] = {
    "bert": lambda: models.BertBackbone(**_PLACED),
    "roberta": lambda: models.RobertaBackbone(**_PLACED),
    "xlm_roberta": lambda: models.XLMRobertaBackbone(**_PLACED),
    "distil_bert": lambda: models.DistilBertBackbone(**_PLACED),
    "electra": lambda: models.ElectraBackbone(ROWS, **_SIZE, num_heads=2, embedding_dim=8, max_sequence_length=LONGEST),
    "albert": lambda: models.AlbertBackbone(
        **{**_PLACED, "num_layers": 4}, embedding_dim=8, num_groups=2, num_inner_repetitions=2
    ),
}
"""By name: what makes the backbone of an encoder that writes as a prefix language model."""


def with_large_weights(backbone: keras_hub.models.Backbone) -> keras_hub.models.Backbone:
    """Changes all weights, so that no norm is the identity and every position sees the others."""
    generator = np.random.default_rng(3)
    for variable in backbone.trainable_variables:
        variable.assign_add(0.2 * generator.normal(size=variable.shape).astype(np.float32))
    return backbone
