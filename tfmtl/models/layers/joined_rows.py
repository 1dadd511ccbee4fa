"""Joins the rows of several slices of a batch."""

from collections.abc import Sequence

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable("tfmtl")
class JoinedRows(keras.layers.Layer):
    """Concatenates tensors `[rows, ...]`; those with a value for each token are padded with zeros to the longest."""

    def __init__(self, **kwargs):
        # Outputs of heads are float32 whatever the precision of the network.
        super().__init__(autocast=False, **kwargs)

    def call(self, parts: Sequence[KerasTensor]) -> KerasTensor:
        """Returns `[all rows, ...]`, or `[all rows, length, ...]` of parts `[rows, length, ...]` of any length."""
        if len(parts[0].shape) > 2:
            length = ops.max(ops.stack([ops.shape(part)[1] for part in parts]))
            parts = [_padded(part, length) for part in parts]
        return ops.concatenate(parts, axis=0)

    def compute_output_shape(self, parts_shape):
        return (None, *parts_shape[0][1:])


def _padded(part: KerasTensor, length: KerasTensor) -> KerasTensor:
    rest = [[0, 0]] * (len(part.shape) - 2)
    return ops.pad(part, [[0, 0], [0, length - ops.shape(part)[1]], *rest])
