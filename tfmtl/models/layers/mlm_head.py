"""The head of the masked language model, which reads the trunk's states at the hidden tokens of a text."""

import keras
from keras import KerasTensor, ops

from tfmtl.data.special_tokens import GAP_ID


@keras.saving.register_keras_serializable("tfmtl")
class MLMHead(keras.layers.Layer):
    """Selects the states at the gaps of a text, in their order, and transforms each of them.

    The transformation is a dense layer, GELU and a layer normalisation, as before BERT's output projection (Devlin et
    al. 2019, official code). The layer is called like a decoder; of a decoder's input, only the number of tokens
    matters.
    """

    def build(self, embedded_shape, states_shape, tokens_shape):
        # By position, because the states are a plain list if Keras rebuilds the layer from its own configuration.
        states_shape = states_shape[0]
        self.dense = keras.layers.Dense(states_shape[-1], activation="gelu", name="dense", dtype=self.dtype_policy)
        self.norm = keras.layers.LayerNormalization(name="norm", dtype=self.dtype_policy)
        self.dense.build(states_shape)
        self.norm.build(states_shape)

    def call(self, embedded, states, tokens) -> KerasTensor:
        """Returns `[batch, target_length, hidden]`, with arbitrary values after the last gap of a row.

        Args:
            embedded: `[batch, target_length, hidden]`, of which only the shape is read.
            states: the states of the trunk.
            tokens: the ids of the text with gaps, int32 `[batch, length]`.
        """
        length, pieces = ops.shape(tokens)[1], ops.shape(embedded)[1]
        # Gaps are sorted first; gaps and other tokens each keep their order.
        keys = ops.where(ops.equal(tokens, GAP_ID), 0, length) + ops.arange(length)[None, :]
        places = ops.argsort(keys, axis=1)[:, :pieces]
        return self.norm(self.dense(ops.take_along_axis(states[0], places[:, :, None], axis=1)))

    def compute_output_spec(self, embedded, states, tokens):
        return KerasTensor((*embedded.shape[:2], states[0].shape[-1]), dtype=self.compute_dtype)
