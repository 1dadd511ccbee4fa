"""What every trunk offers to the heads and decoders behind it."""

import keras
from keras import KerasTensor

from tfmtl.core.registry import Options
from tfmtl.models.layers.pooling import AttentionPooling


class EncoderOptions(Options):
    """Base of every trunk's options."""

    @property
    def own_tokenizer(self) -> dict[str, str] | None:
        """The section of the only tokenizer that the trunk can read with; `None` where it learns any pieces."""
        return None


class Encoder(keras.layers.Layer):
    """Base of the trunks that tasks share: `call(embedded, tokens)` returns states `[batch, length, width]`.

    A subclass registers itself in `tfmtl.core.registry.ENCODERS` with typed options, among them `max_length`,
    and has a method `decoder(layers, dropout, max_length, **kwargs)`, which returns the layer that belongs to one
    summarization task. Here are the defaults of the rest.

    Attributes:
        pooling: the class of the layer by which a head makes one vector of the states of a text.
    """

    pooling: type[keras.layers.Layer] = AttentionPooling

    @property
    def width(self) -> int:
        """Of the embeddings that it reads; its option `hidden`, where it does not say otherwise."""
        return self.options.hidden

    @property
    def tied(self) -> bool:
        """Whether pieces are written by the embedding that they are read by."""
        return True

    def load_pretrained_rows(self, embedding: keras.layers.Layer) -> None:
        """Changes the initial embedding of a new model, which is built; here it stays as it is."""

    def rates(self) -> dict[str, float]:
        """Returns what the learning rate is multiplied by, by the path of a variable; 1 where it has none."""
        return {}

    def last_states(self, states: KerasTensor) -> KerasTensor:
        """Returns what heads and copying read of the trunk's states: `[batch, length, hidden]`."""
        return states

    def writer(self, decoder: keras.layers.Layer):
        """Returns what writes summaries from the states, given the layer that `decoder` made; here it writes itself.

        It can be called as a decoder layer, and has `keys_and_values`, `initial_cache`, `step` and `max_length`.
        """
        return decoder
