"""The embedding of tokens, of which a batch reads only the rows of its own tokens."""

import keras
import keras_hub
import tensorflow as tf
from keras import KerasTensor, ops

from tfmtl.core.private_api import uncast_value


@keras.saving.register_keras_serializable("tfmtl")
class TokenEmbedding(keras_hub.layers.ReversibleEmbedding):
    """KerasHub's embedding, with a lookup whose cost follows the batch.

    Keras reads the whole table and then gathers rows from it. A table in mixed precision is then cast as a whole for
    each batch, and one whose rows are updated in place is copied as a whole, because TensorFlow must not change a
    tensor that has been read. Here rows are gathered from the variable itself, and only these are cast; the numbers
    are the same.
    """

    def call(self, inputs, reverse=False) -> KerasTensor:
        """Returns the embeddings of tokens `[..., width]`, or the logits `[..., vocabulary]` of states.

        Args:
            inputs: ids of tokens, int32 `[...]`; if `reverse`, states `[..., width]`.
            reverse: whether to project states to logits.
        """
        if reverse:
            return super().call(inputs, reverse=True)
        return ops.cast(tf.gather(uncast_value(self.embeddings), inputs), self.compute_dtype)
