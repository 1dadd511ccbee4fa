"""A pretrained trunk: a text backbone of KerasHub, with the rows of its own embedding."""

import keras
import keras_hub
import numpy as np
from keras import KerasTensor

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.private_api import copied_encoder_layer
from tfmtl.core.registry import ENCODERS
from tfmtl.models.decoders.continuation import Continuation
from tfmtl.models.decoders.preset import PresetDecoder
from tfmtl.models.decoders.task_mark import PrefixLMMark, TaskMark
from tfmtl.models.decoders.transformer import TransformerDecoder
from tfmtl.models.layers.layer_change import UNCHANGED
from tfmtl.models.layers.pooling import AttentionPooling, LastPooling, MeanPooling
from tfmtl.models.pretrained.encoder_graph import encoder_graph, encoder_inputs, layer_depths
from tfmtl.models.pretrained.families import Family, family_of
from tfmtl.models.pretrained.loading import deserialize_backbone, load_backbone, read_preset, serialize_backbone
from tfmtl.models.pretrained.lora import add_lora
from tfmtl.models.pretrained.options import PresetOptions
from tfmtl.models.pretrained.own_layers import OwnLayers
from tfmtl.models.pretrained.rows import rows_in_token_order
from tfmtl.models.stack import Stack
from tfmtl.models.trunk import States

POOLING = {"attention": AttentionPooling, "last": LastPooling, "mean": MeanPooling}


@ENCODERS.register("preset", options=PresetOptions)
@keras.saving.register_keras_serializable("tfmtl")
class PresetEncoder(Stack):
    """A text backbone of KerasHub: an encoder such as BERT, BART or T5, or a causal model such as GPT-2 or Llama.

    The experiment uses the preset's own tokenizer, and the preset's embedding becomes the model's, which is also what
    is written with. BART and T5 write with their own decoders. Causal models, and encoders as prefix language models,
    write behind the text with the layers that have read it. Families that cannot write get new decoders;
    `tfmtl.models.pretrained.families` lists what each can do.

    Differences from the papers: the second text of a pair follows one end mark, whereas RoBERTa was trained with two;
    T5 also reads a start mark; a causal model without a start mark reads its end mark in this place; heads of encoders
    pool by attention, not by the first token.

    Args:
        backbone: the backbone without weights, as `serialize_backbone` describes it; `None` loads it from the preset,
            which only who builds a model does: a saved model has its backbone, and needs no preset.
        **kwargs: `PresetOptions` and the arguments of every Keras layer.

    Raises:
        ConfigurationError: if the preset cannot be loaded or does not fit the options.
    """

    options_class = PresetOptions
    is_pretrained = True
    context_axis = 2

    def __init__(self, backbone: dict | None = None, **kwargs):
        super().__init__(**kwargs)
        options = self.options
        loaded = self._loaded() if backbone is None else deserialize_backbone(backbone)
        self._backbone = serialize_backbone(loaded)
        # The embedding belongs to the model: the backbone needs no rows of its own when a model is loaded.
        self._backbone["config"] |= dict.fromkeys(_VOCABULARY & self._backbone["config"].keys(), 1)
        self._width = loaded.token_embedding.output_dim
        self._states_width = loaded.hidden_dim
        family = family_of(type(loaded).__name__.removesuffix("Backbone"))
        self._is_causal = family.causal
        writes = options.pretrained_decoder is not False
        self._decoder = family.decoder if writes else None
        self._can_continue = writes and family.own_layers is not None
        self._tied = not (writes and family.writes) or loaded.token_embedding.tie_weights
        self._soft_cap = getattr(loaded.token_embedding, "logit_soft_cap", None) if writes else None
        self.pooling = POOLING[options.pooling or ("last" if family.causal else "attention")]
        self._pretrained = self._weights_of(loaded) if backbone is None else None
        # Only the method, because Keras would take layers that an attribute lists for sublayers.
        self._merge = add_lora(loaded, options.lora, "model.encoder.lora").merge if options.lora else _nothing
        self.trunk = self._own_layers(family, loaded) if self._can_continue else encoder_graph(loaded)
        # By the ids of variables, since the layers themselves would keep a decoder that is not used in memory.
        self._depths = {id(each): depth for layer, depth in layer_depths(loaded) for each in layer.variables}

    def _own_layers(self, family: Family, backbone: keras_hub.models.Backbone) -> OwnLayers:
        return family.own_layers(backbone, longest_text=self.options.max_length, name="trunk")

    def _loaded(self) -> keras_hub.models.Backbone:
        options = self.options
        preset = read_preset(options.preset)
        if options.pretrained_decoder and not preset.family.writes:
            raise ConfigurationError(
                f"model.encoder.pretrained_decoder: '{options.preset}' cannot write summaries, because KerasHub's "
                f"{preset.family.name} has no decoder; leave this out for a new one"
            )
        backbone = load_backbone(preset, self.dtype_policy)
        longest = getattr(backbone, "max_sequence_length", None)
        if longest and options.max_length > longest:
            raise ConfigurationError(
                f"model.encoder.max_length: '{options.preset}' reads at most {longest} tokens, asked for "
                f"{options.max_length}"
            )
        return backbone

    def _weights_of(self, backbone: keras_hub.models.Backbone) -> dict[str, list[np.ndarray]]:
        """Returns the pretrained weights that `decoder` and `load_pretrained_rows` need."""
        decoder = self._decoder.weights_of(backbone) if self._decoder else []
        return {"embedding": backbone.token_embedding.get_weights(), "decoder": decoder}

    @property
    def width(self) -> int:
        return self._width

    @property
    def states_width(self) -> int:
        return self._states_width

    @property
    def reads_windows(self) -> bool:
        """Whether it reads in both directions; the last token of a causal model sees only its own window."""
        return not self._is_causal

    @property
    def can_write(self) -> bool:
        return self._decoder is not None or (self._is_causal and self._can_continue)

    @property
    def tied(self) -> bool:
        return self._tied

    @property
    def logit_soft_cap(self) -> float | None:
        return self._soft_cap

    def decoder(
        self, layers: int, dropout: float | None, max_length: int, **kwargs
    ) -> TransformerDecoder | PresetDecoder | TaskMark:
        """Returns a copy of the preset's decoder, a task's addition to layers that write, or a new decoder.

        Raises:
            ConfigurationError: if the preset does not allow such a decoder.
        """
        if self._decoder:
            return self._pretrained_decoder(dropout, max_length, **kwargs)
        if self._can_continue:
            return self._task_mark(max_length, **kwargs)
        options = self.options
        if self._width % options.decoder_heads:
            raise ConfigurationError(
                f"model.encoder.decoder_heads: {options.decoder_heads} does not divide {self._width}, the width of the "
                f"embedding and the decoders of '{options.preset}'"
            )
        return TransformerDecoder(
            heads=options.decoder_heads,
            feedforward=options.decoder_feedforward,
            dropout=options.decoder_dropout if dropout is None else dropout,
            layers=layers,
            max_length=max_length,
            **kwargs,
        )

    def _pretrained_decoder(self, dropout: float | None, max_length: int, **kwargs) -> PresetDecoder:
        config = dict(self._backbone["config"])
        longest = config.get("max_sequence_length")
        if longest and max_length > longest:
            raise ConfigurationError(
                f"model.encoder.preset: '{self.options.preset}' writes at most {longest} tokens, asked for {max_length}"
            )
        if dropout is not None:
            config["dropout"] = dropout
        decoder = self._decoder({**self._backbone, "config": config}, max_length, **kwargs)
        decoder.set_weights(self._pretrained["decoder"])
        return decoder

    def check_words(self, length: int, place: str) -> None:
        if not self._can_continue:
            super().check_words(length, place)
        together = self.options.max_length + length
        if self.trunk.longest and together > self.trunk.longest:
            raise ConfigurationError(
                f"{place}: '{self.options.preset}' has positions for {self.trunk.longest} tokens; a text of "
                f"{self.options.max_length} and what follows it, {length}, need more"
            )

    def _task_mark(self, max_length: int, **kwargs) -> TaskMark:
        self.check_words(max_length, "model.encoder.max_length")
        if self._is_causal:
            return TaskMark(max_length, **kwargs)
        return PrefixLMMark(max_length, self._states_width, **kwargs)

    def writer(self, decoder: keras.layers.Layer):
        return Continuation(self, decoder) if isinstance(decoder, TaskMark) else decoder

    def load_pretrained_rows(self, embedding: keras_hub.layers.ReversibleEmbedding) -> None:
        """Copies the preset's rows into the model's embedding, in the order of the tokenizer's ids.

        Raises:
            ConfigurationError: if the tokenizer is from another family, or has tokens for which the preset has no row.
        """
        rows = rows_in_token_order(self.options.preset, self._backbone["class_name"], self._pretrained["embedding"])
        # A model that writes nothing has no use for a projection of its own.
        embedding.set_weights(rows[: len(embedding.weights)])
        self._pretrained = None

    def freeze(self, embedding: keras.layers.Layer) -> None:
        super().freeze(embedding)
        if self.options.lora:
            embedding.trainable = False

    def build(self, embedded_shape, tokens_shape=None, context_shape=None):
        """Does nothing: the backbone is built when it is loaded."""

    def call(self, embedded, tokens, context=None, training=None) -> States:
        """Reads texts or, given their context, what follows them.

        Args:
            embedded: embeddings `[batch, length, width]` of the texts' tokens or, given a `context`, of what follows.
            tokens: ids of the texts, int32 `[batch, text_length]`.
            context: the context of the texts' states.
            training: whether dropout is on.

        Returns:
            The states of the texts, with each layer's keys and values as their context if the layers can write; or
            those of what follows, which have no context.
        """
        if context is not None:
            return States(self.trunk.write(embedded, context, tokens, training))
        if self._can_continue:
            return States(*self.trunk.read(embedded, tokens, training))
        return States(self.trunk(encoder_inputs(self.trunk, embedded, tokens), training=training))

    @property
    def reads_behind(self) -> bool:
        return self._can_continue and self._is_causal

    @property
    def is_stack(self) -> bool:
        """Whether it is an encoder whose layers also write; others are run as a whole."""
        return self._can_continue and not self._is_causal

    @property
    def stack(self) -> list[keras.layers.Layer]:
        return self.trunk.layers

    def begin(self, embedded, tokens, training=None) -> KerasTensor:
        return self.trunk.begin_text(embedded, tokens)

    def through(self, layer, hidden, tokens, training=None, change=UNCHANGED, seen=None):
        hidden, own = self.trunk.through(layer, hidden, tokens, training, change, seen)
        return hidden, (own,)

    def end(self, hidden, context) -> States:
        return States(hidden, tuple(context))

    def copied(self, layer, name) -> keras.layers.Layer:
        if self.options.lora:
            raise ConfigurationError("model.encoder.lora: such layers cannot be copied for a task; leave it out")
        return copied_encoder_layer(layer, name, self._states_width)

    def keys_and_values(self, context) -> list[KerasTensor]:
        """Returns each layer's keys and values of texts, which are their context."""
        return list(context)

    def initial_cache(self, batch_size, length) -> list[KerasTensor]:
        """Returns each layer's empty keys and values for the `length` positions after a text."""
        return self.trunk.initial_cache(batch_size, length)

    def step(self, embedded, position, cache, source, tokens) -> tuple[KerasTensor, list[KerasTensor]]:
        """Writes one position, like the trunk `gpt`."""
        return self.trunk.step(embedded, position, cache, source, tokens)

    def depths(self) -> dict[int, int]:
        return self._depths

    def merge_updates(self) -> None:
        self._merge()
        self._merge, self.options = _nothing, self.options.model_copy(update={"lora": None})

    def get_config(self):
        return {**super().get_config(), "backbone": self._backbone}

    @classmethod
    def from_config(cls, config):
        if not isinstance(config.get("backbone"), dict):
            raise ValueError("the saved encoder has no backbone; a saved model loads no preset")
        return super().from_config(config)


def _nothing() -> None:
    """Merges the updates of a trunk that has none."""


_VOCABULARY = {"vocabulary_size", "vocab_size"}
