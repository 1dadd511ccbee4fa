"""A task's own addition to pretrained layers that write behind the text that they have read."""

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable("tfmtl")
class TaskMark(keras.layers.Layer):
    """Tells pretrained layers which task writes, by a vector that is added to each token and is initially zero.

    Args:
        max_length: the maximum number of tokens that are written, those of an instruction included.
    """

    def __init__(self, max_length: int, **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length

    def build(self, embedded_shape):
        self.mark = self.add_weight((embedded_shape[-1],), "zeros", name="mark")

    def call(self, embedded, start=0) -> KerasTensor:
        """Returns `[batch, length, width]`; the layers themselves add positions.

        Args:
            embedded: embeddings of the tokens, `[batch, length, width]`.
            start: the index of the first of them.
        """
        return embedded + ops.cast(self.mark, embedded.dtype)

    def predicted(self, hidden) -> KerasTensor:
        """Returns the states as the embedding projects them to logits, `[batch, length, width]`."""
        return hidden

    def get_config(self):
        return {**super().get_config(), "max_length": self.max_length}


@keras.saving.register_keras_serializable("tfmtl")
class PrefixLMMark(TaskMark):
    """The addition to an encoder, which also needs what turns its states into predictions.

    This is the transformation in BERT's masked language model (Devlin et al. 2019), which presets do not come with:
    a dense layer with GELU and a layer normalization, as wide as the embedding. It is new, so that it has to be
    learned.

    Args:
        max_length: the maximum number of tokens that are written.
        hidden: the width of the encoder's states.
    """

    def __init__(self, max_length: int, hidden: int, **kwargs):
        super().__init__(max_length, **kwargs)
        self._hidden = hidden

    def build(self, embedded_shape):
        super().build(embedded_shape)
        policy, width = self.dtype_policy, embedded_shape[-1]
        normal = keras.initializers.TruncatedNormal(stddev=0.02)
        # Both are called outside of this layer, by which a functional model would tell those of two tasks apart.
        name = f"{self.name}_transform"
        self.transform = keras.layers.Dense(width, "gelu", kernel_initializer=normal, name=name, dtype=policy)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12, name=f"{self.name}_norm", dtype=policy)
        self.transform.build((*embedded_shape[:-1], self._hidden))
        self.norm.build(embedded_shape)

    def predicted(self, hidden):
        return self.norm(self.transform(hidden))

    def get_config(self):
        return {**super().get_config(), "hidden": self._hidden}
