"""The information about positions that a Transformer adds to the embeddings of tokens."""

import keras
import keras_hub
from keras import KerasTensor, ops

POSITIONS = ("learned", "sine", "rotary")


@keras.saving.register_keras_serializable("tfmtl")
class PositionEmbedding(keras.layers.Layer):
    """Adds information about its position to each embedding of a sequence.

    Args:
        kind: `learned`, one vector per position; `sine`, the fixed waves of Vaswani et al. 2017, section 3.5; `rotary`,
            nothing, because attention rotates its queries and keys instead.
        length: the maximum number of positions.
    """

    def __init__(self, kind: str, length: int, **kwargs):
        super().__init__(**kwargs)
        if kind not in POSITIONS:
            raise ValueError(f"unknown positions '{kind}'; known: {', '.join(POSITIONS)}")
        self.kind = kind
        self.length = length

    def build(self, embedded_shape):
        if self.kind == "learned":
            normal = keras.initializers.RandomNormal(stddev=0.1)
            self.table = keras.layers.Embedding(
                self.length, embedded_shape[-1], embeddings_initializer=normal, name="table", dtype=self.dtype_policy
            )
            self.table.build(None)
        elif self.kind == "sine":
            # In half precision, positions beyond a few hundred would be indistinguishable.
            self.waves = keras_hub.layers.SinePositionEncoding(name="waves", dtype="float32")

    def call(self, embedded, start=0) -> KerasTensor:
        """Returns `[batch, length, hidden]`.

        Args:
            embedded: `[batch, length, hidden]`.
            start: the index of the first position, int32 scalar.
        """
        if self.kind == "learned":
            return embedded + self.table(start + ops.arange(ops.shape(embedded)[1]))
        if self.kind == "sine":
            return embedded + ops.cast(self.waves(embedded, start_index=start), embedded.dtype)
        return embedded

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "length": self.length}
