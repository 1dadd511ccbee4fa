"""Decoder-only backbones, whose layers read a text once and write on behind it."""

import inspect

import keras
import keras_hub
from keras import KerasTensor, ops

from tfmtl.models.pretrained.own_layers import OwnLayers, lengths


class CausalLayers(OwnLayers):
    """The layers of a decoder-only backbone.

    A text is moved to the right end of its row, so that what is written follows its last token directly: positions are
    then those of pretraining in every family, be they rotated, learned, or linear biases of the scores.

    The layers are called as KerasHub's own generation calls them, with a cache of keys and values. The names of these
    arguments and the shape of the cache differ between families, and are the only part of this that is not public.
    """

    def __init__(self, backbone: keras_hub.models.Backbone, **kwargs):
        layers = backbone.transformer_layers
        super().__init__(backbone, layers, *_cache_sizes(backbone), **kwargs)
        self._mask_name, self._cache_name = _arguments_of(layers[0])
        # Gemma 3 keeps keys and values apart, as a pair; its position goes to a layer in two arguments.
        self._in_pairs = isinstance(backbone, keras_hub.models.Gemma3Backbone)
        self.end = keras.Model(layers[-1].output, backbone.output)

    def read(self, embedded, tokens, training=None):
        length = ops.shape(tokens)[1]
        padding = length - lengths(tokens)[:, None]
        places = ops.arange(length)[None, :] - padding
        hidden = self.placed(_taken(embedded, places), ops.maximum(places, 0), None)
        empty = self.initial_cache(ops.shape(tokens)[0], length)
        hidden, context = self._through(hidden, empty, places >= 0, 0)
        return _taken(self.end(hidden), ops.arange(length)[None, :] + padding), tuple(context)

    def step(self, embedded, position, cache, context, tokens, training=None):
        read, length = lengths(tokens)[:, None], ops.shape(tokens)[1]
        # The layers themselves hide what has not been written yet.
        of_text = ops.arange(length)[None, :] >= length - read
        written = ops.ones((ops.shape(tokens)[0], ops.shape(cache[0])[2]), dtype="bool")
        places = read + position + ops.arange(ops.shape(embedded)[1])[None, :]
        joined = [ops.concatenate([text, own], axis=2) for text, own in zip(context, cache, strict=True)]
        hidden = self.placed(embedded, places, None)
        mask = ops.concatenate([of_text, written], axis=1)
        hidden, joined = self._through(hidden, joined, mask, length + position)
        return self.end(hidden), [both[:, :, length:] for both in joined]

    def _through(self, hidden, caches, mask, index) -> tuple[KerasTensor, list[KerasTensor]]:
        """Returns the output of all layers, and their keys and values with those of `hidden` from `index` on."""
        index, updated = ops.cast(index, "int32"), []
        for layer, cache in zip(self.layers, caches, strict=True):
            given = (cache[:, 0], cache[:, 1]) if self._in_pairs else cache
            options = {self._cache_name: given, f"{self._cache_name}_update_index": index}
            hidden, kept = layer(hidden, **{self._mask_name: mask}, **options)
            updated.append(ops.stack(kept, axis=1) if self._in_pairs else kept)
        return hidden, updated


def _taken(values, places) -> KerasTensor:
    """Returns `values` `[batch, length, width]` at `places` `[batch, length]`; 0 at places outside."""
    length = ops.shape(values)[1]
    found = ops.take_along_axis(values, ops.clip(places, 0, length - 1)[..., None], axis=1)
    return ops.where(((places >= 0) & (places < length))[..., None], found, ops.zeros((), values.dtype))


def _arguments_of(layer: keras.layers.Layer) -> tuple[str, str]:
    """Returns what a layer calls its padding mask and its cache."""
    names = inspect.signature(layer.call).parameters
    mask = "padding_mask" if "padding_mask" in names else "decoder_padding_mask"
    # The layers of SmolLM 3 take their cache as `**kwargs`.
    return mask, next((name for name in ("attention_cache", "cache") if name in names), "self_attention_cache")


def _cache_sizes(backbone: keras_hub.models.Backbone) -> tuple[int, int]:
    """Returns the number of heads of keys and values, and the size of each."""
    names = ("num_query_heads", "num_attention_heads", "num_heads")
    heads = next(getattr(backbone, name) for name in names if hasattr(backbone, name))
    size = getattr(backbone, "head_dim", None) or backbone.hidden_dim // heads
    return getattr(backbone, "num_key_value_heads", None) or heads, size
