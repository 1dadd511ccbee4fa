"""The base of pretrained layers that read a text once and write behind it."""

from abc import ABC, abstractmethod

import keras
import keras_hub
from keras import KerasTensor, ops
from keras_hub.layers import PositionEmbedding, TokenAndPositionEmbedding

from tfmtl.models.layers.tokens import token_mask
from tfmtl.models.pretrained.slice_update_gradient import register_gradient_of_slice_update


class OwnLayers(keras.layers.Layer, ABC):
    """The layers of a pretrained backbone, which read texts and also write what follows them.

    Each layer keeps the keys and values of a text from the one reading, the text's `context`; what is written attends
    to them, whichever task writes. Gradients flow through them into the text. What is written has the positions that
    follow its own text, so that padding changes no answer.

    Args:
        backbone: the backbone that owns the layers and their weights.
        layers: its layers, in the order in which they are called; one may be called several times.
        heads: the number of heads of keys and values.
        size: the size of such a head.
        longest_text: the maximum number of tokens that are read at once.

    Attributes:
        longest: the maximum number of tokens in a text and what follows it together; `None` if there is no limit.
    """

    def __init__(
        self,
        backbone: keras_hub.models.Backbone,
        layers: list[keras.layers.Layer],
        heads: int,
        size: int,
        longest_text: int,
        **kwargs,
    ):
        register_gradient_of_slice_update()
        super().__init__(dtype=backbone.dtype_policy, **kwargs)
        self.longest = getattr(backbone, "max_sequence_length", None)
        self.longest_text = longest_text
        self.layers = layers
        self._heads, self._size = heads, size
        self._has_segments = "segment_ids" in backbone.input
        self.positions, self.begin = _first_part(backbone, layers[0])
        # Whether the backbone adds positions to tokens in the layer that embeds both, which is passed over here.
        self._adds_positions = any(isinstance(each, TokenAndPositionEmbedding) for each in backbone.layers)
        self.built = True

    @abstractmethod
    def read(self, embedded, tokens, training=None) -> tuple[KerasTensor, tuple[KerasTensor, ...]]:
        """Reads texts.

        Args:
            embedded: embeddings of their tokens, `[batch, length, width]`.
            tokens: ids, int32 `[batch, length]`, padding on the right.
            training: whether dropout is on.

        Returns:
            The last states `[batch, length, hidden]`, padding on the right, and the context: each layer's keys and
            values `[batch, 2, length, heads, size]`.
        """

    @abstractmethod
    def step(self, embedded, position, cache, context, tokens, training=None) -> tuple[KerasTensor, list[KerasTensor]]:
        """Writes one or more positions behind texts.

        Args:
            embedded: the embeddings of their tokens, `[batch, positions, width]`.
            position: the index of the first of them behind the text, int32 scalar.
            cache: each layer's keys and values of the previous positions, `[batch, 2, length, heads, size]`.
            context: the context of the texts, as returned by `read`.
            tokens: ids of the texts, int32 `[batch, text_length]`.
            training: whether dropout is on.

        Returns:
            The states `[batch, positions, hidden]` and the new keys and values.
        """

    def write(self, embedded, context, tokens, training=None) -> KerasTensor:
        """Returns the states `[batch, length, hidden]` of all that is written behind texts; see `step`."""
        empty = self.initial_cache(ops.shape(embedded)[0], ops.shape(embedded)[1])
        return self.step(embedded, 0, empty, context, tokens, training)[0]

    def initial_cache(self, batch_size, length) -> list[KerasTensor]:
        """Returns each layer's keys and values `[batch, 2, length, heads, size]` of no tokens."""
        return [ops.zeros((batch_size, 2, length, self._heads, self._size), self.compute_dtype) for _ in self.layers]

    def placed(self, embedded, places, segments) -> KerasTensor:
        """Returns the input of the first layer.

        Args:
            embedded: embeddings, `[batch, length, width]`.
            places: the position of each token in its own row, int32, broadcast to `[batch, length]`.
            segments: the segment of each token, int32 `[batch, length]`; ignored by backbones without segments.
        """
        inputs = [embedded]
        if self.positions is not None:
            rows = ops.take(ops.convert_to_tensor(self.positions.position_embeddings), places, axis=0)
            inputs.append(ops.cast(rows, embedded.dtype))
        if self._adds_positions:
            inputs = [sum(inputs)]
        if self.begin is None:
            return inputs[0]
        return self.begin([*inputs, segments] if self._has_segments else inputs)


def lengths(tokens) -> KerasTensor:
    """Returns the number of tokens of each text without padding, int32 `[batch]`."""
    return ops.sum(ops.cast(token_mask(tokens), "int32"), axis=1)


def _first_part(backbone: keras_hub.models.Backbone, first: keras.layers.Layer):
    """Returns a backbone's learned positions, if it has them, and its graph up to the input of its first layer.

    The graph reads embeddings with their positions, or both apart if the backbone adds them itself, and segments if it
    has them; it is `None` if it would be empty.
    """
    together = [layer for layer in backbone.layers if isinstance(layer, TokenAndPositionEmbedding)]
    apart = [layer for layer in backbone.layers if isinstance(layer, PositionEmbedding)]
    read = [layer.output for layer in together or [backbone.token_embedding, *apart]]
    segments = [backbone.input["segment_ids"]] if "segment_ids" in backbone.input else []
    positions = together[0].position_embedding if together else next(iter(apart), None)
    # The layer's other inputs are masks, whole numbers.
    end = next(each for each in keras.tree.flatten(first.input) if "float" in each.dtype)
    return positions, None if end is read[0] else keras.Model([*read, *segments], end)
