"""The vectors of described tasks, from the values or the texts of their configuration."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfmtl.config.options import ModelOptions
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import ENCODERS
from tfmtl.data.special_tokens import PAD_ID
from tfmtl.kinds.task import Task
from tfmtl.models.layers.pooling import MeanPooling
from tfmtl.models.layers.token_embedding import TokenEmbedding
from tfmtl.models.layers.tokens import token_mask

OF_ALL = 1.0
"""The last value of every descriptor: an attribute that all tasks have, so that they also have a part in common."""


def descriptor_vectors(tasks: Mapping[str, Task], options: ModelOptions, tokenizer) -> dict[str, tuple[float, ...]]:
    """Returns the descriptor of each task that has one, with `OF_ALL` behind its values.

    The vector of a text is the mean of its tokens' states in the preset as it was published, scaled to a length of one.
    The preset is loaded once more for this, because the trunk of a trained run has changed.

    Args:
        tasks: the tasks.
        options: the options of the network.
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.

    Raises:
        ConfigurationError: if heads should be generated, and no task has a descriptor; or a text is too long.
    """
    if options.descriptors is not None and all(task.descriptor is None for task in tasks.values()):
        raise ConfigurationError("model.descriptors: no task has a 'descriptor' to generate a head from")
    texts = {name: task.descriptor for name, task in tasks.items() if isinstance(task.descriptor, str)}
    vectors = dict(zip(texts, _embedded([*texts.values()], options, tokenizer), strict=True)) if texts else {}
    vectors |= {name: task.descriptor for name, task in tasks.items() if isinstance(task.descriptor, tuple)}
    return {name: (*map(float, vectors[name]), OF_ALL) for name in tasks if name in vectors}


def _embedded(texts: list[str], options: ModelOptions, tokenizer) -> np.ndarray:
    """Returns the vectors of texts, float32 `[texts, hidden]`."""
    encoder = options.encoder
    trunk = ENCODERS.get(encoder.name).build(**encoder.options.model_dump(), name="describing", dtype="float32")
    embedding = TokenEmbedding(tokenizer.vocabulary_size, trunk.width, name="describing_embedding", dtype="float32")
    packing = encoder.options.packing
    pieces = tokenizer.tokenize(tf.constant(texts))
    for text, length in zip(texts, packing.needed(pieces.row_lengths().numpy()), strict=True):
        if length > packing.max_length:
            raise ConfigurationError(
                f"tasks: a descriptor needs {length} tokens, and at most {packing.max_length} are read: '{text}'"
            )
    tokens = packing.text(pieces).to_tensor(PAD_ID)
    trunk.build(embedding(tokens).shape)
    trunk.load_pretrained_rows(embedding)
    states = trunk(embedding(tokens), tokens, training=False).last
    vectors = MeanPooling(dtype="float32")(states, token_mask(tokens))
    return tf.linalg.l2_normalize(vectors, axis=-1).numpy()
