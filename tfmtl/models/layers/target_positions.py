"""The positions of a batch of targets that hold a token, which alone are projected to the vocabulary."""

import keras
import tensorflow as tf
from keras import KerasTensor, ops

from tfmtl.data.special_tokens import PAD_ID


@keras.saving.register_keras_serializable("tfmtl")
class TargetPositions(keras.layers.Layer):
    """Selects a decoder's states at the positions whose target is not padding.

    The product with the kernel `[hidden, vocabulary]`, and the softmax behind it, then cost as much as the targets have
    tokens, not as much as the longest of them has in each row.
    """

    def call(self, hidden, targets) -> KerasTensor:
        """Returns `[positions, hidden]`.

        Args:
            hidden: the states of a decoder, `[batch, length, hidden]`.
            targets: ids of the tokens that should follow, int32 `[batch, length]`.
        """
        flat = ops.reshape(hidden, (-1, hidden.shape[-1]))
        places = target_places(targets)
        return flat if places is None else ops.take(flat, places, axis=0)

    def compute_output_spec(self, hidden, targets):
        return KerasTensor((None, hidden.shape[-1]), dtype=self.compute_dtype)


def target_places(targets) -> KerasTensor | None:
    """Returns where targets `[batch, length]`, read row by row, hold a token: int32 `[positions]`, or `None` for all.

    On devices for which steps are compiled by XLA, all positions are taken, because shapes must not depend on values.
    """
    if tf.config.list_physical_devices("GPU") or tf.config.list_logical_devices("TPU"):
        return None
    return ops.nonzero(ops.not_equal(ops.reshape(targets, (-1,)), PAD_ID))[0]


def at_targets(targets, places) -> KerasTensor:
    """Returns the targets `[batch, length]` at the places that `target_places` returns, int32 `[positions]`."""
    flat = ops.reshape(targets, (-1,))
    return flat if places is None else ops.take(flat, places, axis=0)


def spread(values, places, targets) -> KerasTensor:
    """Returns values `[positions]` at their places in the shape of the targets, `[batch, length]`; 0 elsewhere."""
    shape = ops.shape(targets)
    if places is not None:
        values = ops.scatter(places[:, None], values, (shape[0] * shape[1],))
    return ops.reshape(values, shape)
