"""What reads a text for all tasks: an encoder, or a causal model that also writes on behind the text."""

from typing import ClassVar, NamedTuple

import keras
from keras import KerasTensor

from tfmtl.core.registry import Options
from tfmtl.models.layers.options_layer import OptionsLayer
from tfmtl.models.layers.pooling import AttentionPooling


class States(NamedTuple):
    """What a trunk makes of texts.

    Attributes:
        last: what heads and copying read, `[batch, length, hidden]`.
        context: what the trunk's own layers need to write on behind the text, such as what each of them has read,
            `[batch, length, hidden]` each; empty where it does not write.
    """

    last: KerasTensor
    context: tuple[KerasTensor, ...] = ()


class TrunkOptions(Options):
    """Base of every trunk's options, among which there must be a `max_length`."""

    @property
    def own_tokenizer(self) -> dict[str, str] | None:
        """The section of the only tokenizer that the trunk can read with; `None` where it learns any tokens."""
        return None


class Trunk(OptionsLayer):
    """Base of the trunks that tasks share: `call(embedded, tokens) -> States`.

    A subclass registers itself in `tfmtl.core.registry.ENCODERS` with typed options, whose defaults and bounds are
    those of its keyword arguments. Beside `call`, it must have `decoder`.

    Attributes:
        pooling: the class of the layer by which a head makes one vector of the states of a text.
    """

    options_class: ClassVar[type[TrunkOptions]] = TrunkOptions
    pooling: type[keras.layers.Layer] = AttentionPooling

    def decoder(self, layers: int, dropout: float | None, max_length: int, **kwargs) -> keras.layers.Layer:
        """Returns the layer that belongs to one task which writes: a decoder, or what it adds to a trunk that writes.

        Args:
            layers: of a decoder of its own.
            dropout: in it; the trunk's own where it is `None`.
            max_length: the most tokens that are written.
            **kwargs: of the layer, such as its name.
        """
        raise TypeError(f"{type(self).__name__} has no decoder")

    def writer(self, decoder: keras.layers.Layer):
        """Returns what writes behind texts, given the layer that `decoder` made; here that layer does so itself.

        It is called as `writer(embedded, states, tokens)`, and has `keys_and_values(states)`,
        `initial_cache(states, tokens)`, `step(...)` and `max_length`; see `tfmtl.models.decoders.transformer`.
        """
        return decoder

    @property
    def width(self) -> int:
        """Of the embeddings that it reads; its option `hidden`, where it does not say otherwise."""
        return self.options.hidden

    @property
    def states_width(self) -> int:
        """Of the states that it makes of them; the same, where it does not say otherwise."""
        return self.width

    @property
    def tied(self) -> bool:
        """Whether tokens are written by the embedding that they are read by."""
        return True

    def load_pretrained_rows(self, embedding: keras.layers.Layer) -> None:
        """Changes the initial embedding of a new model, which is built; here it stays as it is."""

    def rates(self) -> dict[str, float]:
        """Returns what the learning rate is multiplied by, by the path of a variable; 1 where it has none."""
        return {}
