"""The graph of a pretrained encoder, from the embeddings of tokens on."""

import keras
import keras_hub
from keras import KerasTensor, ops

from tfmtl.models.layers.tokens import segment_ids, token_mask

_OF_ENCODER = "encoder_"
"""The prefix of the encoder's inputs in a backbone that also has a decoder."""


def encoder_graph(backbone: keras_hub.models.Backbone) -> keras.Model:
    """Returns a backbone's graph from the embeddings of tokens on; only that of its encoder if it has one.

    Its inputs are the tokens' embeddings `[batch, length, width]`, in place of ids, and the other inputs of the
    backbone that its encoder reads; its output is the states. The layers are the backbone's own.
    """
    inputs = {name: tensor for name, tensor in backbone.input.items() if not name.startswith("decoder_")}
    outputs = backbone.output
    if isinstance(outputs, dict):
        outputs = outputs.get("encoder_sequence_output", outputs.get("sequence_output"))
    embedded = {name: keras.Input((None,), dtype="int32", name=name) for name in inputs}
    ids = "token_ids" if "token_ids" in inputs else f"{_OF_ENCODER}token_ids"
    embedded[ids] = keras.Input((None, backbone.token_embedding.output_dim), dtype=backbone.compute_dtype, name=ids)

    def call(layer, *args, **kwargs):
        if layer is backbone.token_embedding:
            return args[0]
        if isinstance(layer, keras_hub.layers.TokenAndPositionEmbedding):
            return args[0] + layer.position_embedding(args[0])
        return layer(*args, **kwargs)

    return keras.models.clone_model(
        keras.Model(inputs, outputs), input_tensors=embedded, clone_function=lambda layer: layer, call_function=call
    )


def layer_depths(backbone: keras_hub.models.Backbone) -> list[tuple[keras.layers.Layer, int]]:
    """Returns the layers of a backbone that lie above its embedding, with their depths.

    The first layer that reads has the depth 1. What precedes it has 0, and what follows a layer has that of the layer.
    """
    reading = getattr(backbone, "encoder_transformer_layers", None) or backbone.transformer_layers
    numbered = {id(layer) for layer in keras.tree.flatten(reading)}
    depth, depths = 0, []
    for layer in backbone.layers:
        depth += id(layer) in numbered
        if layer is not backbone.token_embedding:
            depths.append((layer, depth))
    return depths


def encoder_inputs(graph: keras.Model, embedded, tokens) -> dict[str, KerasTensor]:
    """Returns the inputs of an encoder's graph.

    Args:
        graph: the result of `encoder_graph`.
        embedded: embeddings of texts, `[batch, length, width]`.
        tokens: ids of the texts, int32 `[batch, length]`.
    """
    read = {"token_ids": embedded, "padding_mask": ops.cast(token_mask(tokens), "int32")}
    read["segment_ids"] = segment_ids(tokens)
    return {name: read[name.removeprefix(_OF_ENCODER)] for name in graph.input}
