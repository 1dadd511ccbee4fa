"""Pretrained decoders: those of BART and T5, from KerasHub."""

from abc import ABC, abstractmethod

import keras
import keras_hub
import numpy as np
from keras import KerasTensor, ops

from tfmtl.models.layers.tokens import token_mask


class PresetDecoder(keras.layers.Layer, ABC):
    """The decoder of a KerasHub backbone; trains on whole summaries, generates a token at a time.

    Layers and key-value caches are KerasHub's. A subclass defines how its family embeds its input, calls a layer and
    makes its output.

    Args:
        backbone: the backbone without weights, as serialized by Keras.
        max_length: the maximum number of tokens in a summary.

    Attributes:
        is_pretrained: that it learns at the rate of the trunk, not of new decoders.
    """

    is_pretrained = True

    def __init__(self, backbone: dict, max_length: int, **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length
        self._backbone = backbone
        # The name gives variables of different tasks' decoders different paths.
        with keras.name_scope(self.name):
            loaded = keras.saving.deserialize_keras_object(backbone)
        self._width, self._heads = loaded.hidden_dim, loaded.num_heads
        self._head_width = getattr(loaded, "key_value_dim", None) or loaded.hidden_dim // loaded.num_heads
        self._tied = getattr(loaded, "tie_embedding_weights", True)
        self.layers = loaded.decoder_transformer_layers
        self.parts = self.parts_of(loaded)
        self.built = True

    @staticmethod
    @abstractmethod
    def parts_of(backbone: keras_hub.models.Backbone) -> dict[str, keras.layers.Layer]:
        """Returns the layers other than those of `decoder_transformer_layers`, by name."""

    @classmethod
    def weights_of(cls, backbone: keras_hub.models.Backbone) -> list[np.ndarray]:
        """Returns the weights of a pretrained backbone in the order of `set_weights`."""
        layers = [*backbone.decoder_transformer_layers, *cls.parts_of(backbone).values()]
        return [value for layer in layers for value in layer.get_weights()]

    @abstractmethod
    def begin(self, embedded, position, training) -> KerasTensor:
        """Returns the input of the first layer, given embeddings from a position on."""

    @abstractmethod
    def through(self, layer, hidden, states, mask, bias, **caches) -> tuple:
        """Returns the output of a layer, the `bias` for the next one, and the caches if there are any."""

    def end(self, hidden, training) -> KerasTensor:
        """Returns the states as the output projection reads them."""
        return hidden

    def call(self, embedded, states, tokens, training=None) -> KerasTensor:
        """Returns the states `[batch, length, hidden]` of a whole summary, like `TransformerDecoder`."""
        hidden, bias, mask = self.begin(embedded, 0, training), None, token_mask(tokens)
        for layer in self.layers:
            hidden, bias, *_ = self.through(layer, hidden, states.last, mask, bias, training=training)
        return self.end(hidden, training)

    def keys_and_values(self, states) -> list[KerasTensor]:
        """Returns each layer's keys and values of the source `[batch, 2, source_length, heads, size]`."""
        states = states.last
        batch_size, length = ops.shape(states)[0], ops.shape(states)[1]
        nothing = ops.zeros((batch_size, 1, self._width), self.compute_dtype)
        # Keras warns about a softmax over a single position.
        of_nothing, of_source = self._empty_cache(batch_size, 2), self._empty_cache(batch_size, length)
        return [self._cached(layer, nothing, 0, states, None, None, of_nothing, of_source)[-1] for layer in self.layers]

    def initial_cache(self, states, tokens) -> list[KerasTensor]:
        """Returns each layer's keys and values of an empty summary, `[batch, 2, length, heads, size]`."""
        return [self._empty_cache(ops.shape(tokens)[0], self.max_length) for _ in self.layers]

    def step(self, embedded, position, cache, source, source_tokens) -> tuple[KerasTensor, list]:
        """Decodes one position, like `TransformerDecoder`."""
        hidden, bias, mask = self.begin(embedded, position, False), None, token_mask(source_tokens)
        new_cache = []
        for layer, written, read in zip(self.layers, cache, source, strict=True):
            hidden, bias, written, _ = self._cached(layer, hidden, position, None, mask, bias, written, read)
            new_cache.append(written)
        return self.end(hidden, False), new_cache

    def _cached(self, layer, hidden, position, states, mask, bias, written, read):
        """Calls a layer with both caches; that of the source is filled if its states are given."""
        caches = {"self_attention_cache": written, "self_attention_cache_update_index": position}
        caches |= {"cross_attention_cache": read}
        caches["cross_attention_cache_update_index"] = None if states is None else 0
        # A layer with its source in the cache requires some states, but does not read them.
        return self.through(layer, hidden, hidden if states is None else states, mask, bias, **caches)

    def _empty_cache(self, batch_size, length):
        return ops.zeros((batch_size, 2, length, self._heads, self._head_width), self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "backbone": self._backbone, "max_length": self.max_length}


@keras.saving.register_keras_serializable("tfmtl")
class BartDecoder(PresetDecoder):
    """The decoder of BART (Lewis et al. 2020).

    Difference from the paper: summaries begin with the start mark; BART was trained to write it itself, after an end
    mark.
    """

    @staticmethod
    def parts_of(backbone):
        names = ("position_embedding", "embeddings_layer_norm", "embeddings_dropout")
        return {name: getattr(backbone, f"decoder_{name}") for name in names}

    def begin(self, embedded, position, training):
        positions = self.parts["position_embedding"](embedded, start_index=position)
        hidden = self.parts["embeddings_layer_norm"](embedded + positions)
        return self.parts["embeddings_dropout"](hidden, training=training)

    def through(self, layer, hidden, states, mask, bias, **caches):
        found = layer(hidden, states, encoder_padding_mask=mask, **caches)
        hidden, *caches = found if isinstance(found, tuple) else (found,)
        return hidden, None, *caches


@keras.saving.register_keras_serializable("tfmtl")
class T5Decoder(PresetDecoder):
    """The decoder of T5 (Raffel et al. 2020); if the output projection is the embedding, the states are scaled."""

    @staticmethod
    def parts_of(backbone):
        names = ("embedding_dropout", "layer_norm", "dropout")
        return {name: getattr(backbone, f"decoder_{name}") for name in names}

    def begin(self, embedded, position, training):
        return self.parts["embedding_dropout"](embedded, training=training)

    def through(self, layer, hidden, states, mask, bias, **caches):
        return layer(
            hidden,
            position_bias=bias,
            encoder_hidden_states=states,
            encoder_attention_mask=None if mask is None else mask[:, None],
            use_causal_mask=True,
            **caches,
        )

    def end(self, hidden, training):
        hidden = self.parts["dropout"](self.parts["layer_norm"](hidden), training=training)
        return hidden * self._width**-0.5 if self._tied else hidden
