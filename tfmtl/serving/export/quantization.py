"""Smaller exports: weights of fewer bits, and their cost in the tasks' metrics."""

from collections.abc import Callable, Mapping

import keras

from tfmtl.generation.reader import Reader
from tfmtl.models.multi_task_model import MultiTaskModel

Scores = Mapping[str, Mapping[str, float]]
"""The metrics of each task."""


def _int8(model: MultiTaskModel) -> MultiTaskModel:
    """Stores weights of layers and embeddings in eight bits with a scale for each column; activations stay in float32.

    Activations could be quantized too, but integer products are slower on a CPU than those of float32.
    """
    # A copy, because Keras quantizes in place.
    copy = model.copy()
    config = keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)
    # The embedding is a subclass of Keras' own, which Keras' type check rejects.
    copy.quantize(config=config, type_check=False, filters=_has_weights)
    return copy


def _bfloat16(model: MultiTaskModel) -> MultiTaskModel:
    """Computes weights and products in bfloat16; reductions, softmax and losses stay in float32."""
    return model.copy(dtype="bfloat16")


QUANTIZATIONS: dict[str, Callable[[MultiTaskModel], MultiTaskModel]] = {"int8": _int8, "bfloat16": _bfloat16}
"""Functions that make a model smaller, by name; bfloat16 is no quantization of Keras but a dtype policy."""


def quantized(reader: Reader, name: str) -> Reader:
    """Returns a reader whose model has smaller weights.

    Args:
        reader: the reader of the trained model, which is not changed.
        name: a name of `QUANTIZATIONS`.
    """
    model = QUANTIZATIONS[name](reader.model)
    return Reader(model, reader.tasks, reader.tokenizer, reader.packing, reader.generation)


def loss_by_quantization(before: Scores, after: Scores) -> list[tuple[str, str, float, float]]:
    """Returns task, metric, and its value before and after, for all metrics measured in both."""
    return [
        (task, metric, value, after[task][metric])
        for task, metrics in before.items()
        for metric, value in metrics.items()
        if metric in after.get(task, {})
    ]


def _has_weights(layer: keras.layers.Layer) -> bool:
    # A head that reads no pairs leaves its layer for pairs unbuilt.
    return isinstance(layer, keras.layers.Dense | keras.layers.EinsumDense | keras.layers.Embedding) and layer.built
