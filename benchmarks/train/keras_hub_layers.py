"""The step of an encoder-decoder made of KerasHub's layers, which writes the summary alone."""

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from benchmarks.tfmtl_step import PRECISIONS


def prepare(precision: str, rows: int, length: int, target_length: int, **sizes: int):
    """Returns a step of training on random tokens."""
    keras.mixed_precision.set_global_policy(PRECISIONS[precision])
    keras.utils.set_random_seed(0)
    model = _model(length, target_length, **sizes)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # XLA would take several times as long on a CPU.
    model.compile(keras.optimizers.AdamW(1e-4, global_clipnorm=1.0), loss, jit_compile=False)
    draw = np.random.default_rng(0).integers
    text = draw(10, sizes["vocabulary"], size=[rows, length])
    written = draw(10, sizes["vocabulary"], size=[rows, target_length + 1])
    batch = {"text": text, "written": written[:, :-1]}, written[:, 1:]
    model.make_train_function()
    iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())
    return lambda: keras.tree.map_structure(np.array, model.train_function(iterator))


def _model(length: int, target_length: int, **sizes: int) -> keras.Model:
    layers, options = keras_hub.layers, {"dropout": 0.1, "activation": "gelu"}
    embed = layers.TokenAndPositionEmbedding(sizes["vocabulary"], max(length, target_length), sizes["hidden"])
    text = keras.Input((length,), dtype="int32", name="text")
    written = keras.Input((target_length,), dtype="int32", name="written")
    states, hidden = embed(text), embed(written)
    for _ in range(sizes["layers"]):
        states = layers.TransformerEncoder(sizes["feedforward"], sizes["heads"], **options)(states)
    for _ in range(sizes["decoder_layers"]):
        hidden = layers.TransformerDecoder(sizes["feedforward"], sizes["heads"], **options)(hidden, states)
    return keras.Model([text, written], embed.token_embedding(hidden, reverse=True))
