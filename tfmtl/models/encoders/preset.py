"""A pretrained trunk: any text backbone of KerasHub, with the rows of its own embedding."""

import re

import keras
import keras_hub
import numpy as np
from keras import KerasTensor, ops
from pydantic import Field

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import ENCODERS
from tfmtl.data.tokenizers.preset import NEW_ROW, piece_order, preset_error
from tfmtl.models.decoders.continuation import Continuation
from tfmtl.models.decoders.gpt2 import GPT2Trunk, TaskMark
from tfmtl.models.decoders.preset import PresetDecoder, decoder_of
from tfmtl.models.decoders.transformer import TransformerDecoder
from tfmtl.models.layers.pooling import AttentionPooling, LastPooling
from tfmtl.models.layers.tokens import segment_ids, token_mask
from tfmtl.models.trunk import States, Trunk, TrunkOptions


class PresetOptions(TrunkOptions):
    """Options of a pretrained trunk.

    Attributes:
        preset: the name of a KerasHub preset, a handle such as `hf://...`, or the path of a local preset.
        max_length: the maximum number of tokens in a row, including its marks; longer rows are cut.
        frozen: whether the trunk and the embedding keep their pretrained weights.
        layer_decay: the factor of a layer's learning rate for each layer above it (Howard and Ruder 2018); 1 trains all
            layers alike.
        pretrained_decoder: whether summaries are written with the preset's own decoder, of which each task has a copy,
            or by its causal trunk as continuations of their texts; `None` means that they are if the preset has one.
            `model.decoder.layers` then has no effect.
        decoder_heads: the number of attention heads in new decoders.
        decoder_feedforward: the inner width of the feed-forward networks in new decoders.
        decoder_dropout: the dropout rate of new decoders.
    """

    preset: str
    max_length: int = Field(256, ge=4)
    frozen: bool = False
    layer_decay: float = Field(1.0, gt=0.0, le=1.0)
    pretrained_decoder: bool | None = None
    decoder_heads: int = Field(4, ge=1)
    decoder_feedforward: int = Field(1024, ge=1)
    decoder_dropout: float = Field(0.1, ge=0.0, lt=1.0)

    @property
    def own_tokenizer(self) -> dict[str, str]:
        return {"type": "preset", "preset": self.preset}


@ENCODERS.register("preset", options=PresetOptions)
@keras.saving.register_keras_serializable("tfmtl")
class PresetEncoder(Trunk):
    """A text backbone of KerasHub: BERT, RoBERTa, XLM-R, DistilBERT, ALBERT, ELECTRA, DeBERTa, BART, T5 or GPT-2.

    The experiment uses the preset's own tokenizer, and the preset's embedding becomes the model's, which the decoders
    also read and project with. BART and T5 write with their own decoders, GPT-2 continues the text itself, and other
    presets get new decoders.

    Differences from the papers: the second text of a pair follows one end mark, whereas RoBERTa was trained with two;
    T5 also reads a start mark; heads pool by attention, not by the first token; those of causal trunks read the last
    token.

    Args:
        backbone: the backbone without weights, as serialized by Keras; `None` loads it from the preset.
        **kwargs: `PresetOptions` and the arguments of every Keras layer.

    Raises:
        ConfigurationError: if the preset cannot be loaded or does not fit the options.
    """

    options_class = PresetOptions

    def __init__(self, backbone: dict | None = None, **kwargs):
        super().__init__(**kwargs)
        loaded = self._loaded() if backbone is None else keras.saving.deserialize_keras_object(backbone)
        self._backbone = keras.saving.serialize_keras_object(loaded)
        # The embedding belongs to the model: the backbone needs no rows of its own when a model is loaded.
        self._backbone["config"] |= dict.fromkeys(_VOCABULARY & self._backbone["config"].keys(), 1)
        self._width = loaded.token_embedding.output_dim
        self._states_width = loaded.hidden_dim
        self._tied = getattr(loaded, "tie_embedding_weights", True)
        self._writer = decoder_of(loaded) if self.options.pretrained_decoder is not False else None
        self.pooling = LastPooling if _is_causal(loaded) else AttentionPooling
        self._pretrained = self._weights_of(loaded) if backbone is None else None
        self._can_continue = _is_causal(loaded) and self.options.pretrained_decoder is not False
        self.trunk = GPT2Trunk(loaded, name="trunk") if self._can_continue else trunk_of(loaded)
        if self.options.frozen:
            self.trainable = False

    def _loaded(self) -> keras_hub.models.Backbone:
        options = self.options
        try:
            backbone = keras_hub.models.Backbone.from_preset(options.preset, dtype=self.dtype_policy)
        except (ValueError, OSError, ImportError) as error:
            raise ConfigurationError(f"model.encoder.preset: {preset_error(options.preset, error)}") from None
        if not hasattr(backbone, "token_embedding") or not isinstance(backbone.input, dict):
            raise ConfigurationError(f"model.encoder.preset: '{options.preset}' does not read text")
        longest = getattr(backbone, "max_sequence_length", None)
        if longest and options.max_length > longest:
            raise ConfigurationError(
                f"model.encoder.max_length: '{options.preset}' reads at most {longest} tokens, asked for "
                f"{options.max_length}"
            )
        if options.pretrained_decoder and not _is_causal(backbone) and decoder_of(backbone) is None:
            raise ConfigurationError(
                f"model.encoder.pretrained_decoder: '{options.preset}' has no decoder that summaries can be written "
                "with; leave this out for a new one"
            )
        return backbone

    def _weights_of(self, backbone: keras_hub.models.Backbone) -> dict[str, list[np.ndarray]]:
        """Returns the pretrained weights that `decoder` and `load_pretrained_rows` need."""
        decoder = self._writer.weights_of(backbone) if self._writer else []
        return {"embedding": backbone.token_embedding.get_weights(), "decoder": decoder}

    @property
    def width(self) -> int:
        return self._width

    @property
    def states_width(self) -> int:
        return self._states_width

    @property
    def tied(self) -> bool:
        return self._tied or self._writer is None

    def decoder(
        self, layers: int, dropout: float | None, max_length: int, **kwargs
    ) -> TransformerDecoder | PresetDecoder | TaskMark:
        """Returns a copy of the preset's decoder, a task's addition to a causal trunk, or a new decoder.

        Raises:
            ConfigurationError: if the preset does not allow such a decoder.
        """
        if self._writer:
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
        decoder = self._writer({**self._backbone, "config": config}, max_length, **kwargs)
        decoder.set_weights(self._pretrained["decoder"])
        return decoder

    def _task_mark(self, max_length: int, **kwargs) -> TaskMark:
        together = self.options.max_length + max_length
        if together > self.trunk.longest:
            raise ConfigurationError(
                f"model.encoder.max_length: '{self.options.preset}' has positions for {self.trunk.longest} tokens; a "
                f"text of {self.options.max_length} and a summary of {max_length} need more"
            )
        return TaskMark(max_length, **kwargs)

    def writer(self, decoder: keras.layers.Layer):
        return Continuation(self, decoder) if isinstance(decoder, TaskMark) else decoder

    def load_pretrained_rows(self, embedding: keras_hub.layers.ReversibleEmbedding) -> None:
        """Copies the preset's rows into the model's embedding, in the order of the tokenizer's ids.

        Raises:
            ConfigurationError: if the tokenizer is from another family, or has tokens for which the preset has no row.
        """
        tokenizer = keras_hub.tokenizers.Tokenizer.from_preset(self.options.preset)
        family, backbone = tokenizer.backbone_cls, self._backbone["class_name"]
        if family is not None and family.__name__ != backbone:
            raise ConfigurationError(
                f"model.encoder.preset: the tokenizer of '{self.options.preset}' belongs to a {family.__name__}, "
                f"not to its {backbone}"
            )
        order = piece_order(tokenizer)
        rows, *projection = self._pretrained["embedding"]
        if order.max() >= len(rows):
            raise ConfigurationError(
                f"model.encoder.preset: the tokenizer of '{self.options.preset}' has {order.max() + 1} tokens, its "
                f"backbone {len(rows)}"
            )
        embedding.embeddings.assign(_in_order(rows, order))
        if not embedding.tie_weights:
            embedding.reverse_embeddings.assign(_in_order(projection[0].T, order).T)
        embedding.trainable = not self.options.frozen
        self._pretrained = None

    def build(self, embedded_shape, tokens_shape=None, context_shape=None):
        """Does nothing: the backbone is built when it is loaded."""

    def call(self, embedded, tokens, context=None, training=None) -> States:
        """Reads texts or, with a causal trunk, their continuations.

        Args:
            embedded: embeddings `[batch, length, width]` of the texts' tokens or, given a `context`, of their
                continuations.
            tokens: ids of the texts, int32 `[batch, text_length]`.
            context: the context of the texts' states.
            training: whether dropout is on.

        Returns:
            The states of the texts, with the input of each layer as their context if the trunk can write; or those of
            the continuations, which have no context.
        """
        if context is not None:
            return States(self.trunk.write(embedded, self.keys_and_values(context), tokens, training))
        if self._can_continue:
            *read, last = self.trunk.read(embedded, tokens, training)
            return States(last, tuple(read))
        read = {"token_ids": embedded, "padding_mask": ops.cast(token_mask(tokens), "int32")}
        read["segment_ids"] = segment_ids(tokens)
        inputs = {name: read[name.removeprefix(_OF_ENCODER)] for name in self.trunk.input}
        return States(self.trunk(inputs, training=training))

    def keys_and_values(self, context) -> list[KerasTensor]:
        """Returns each layer's keys and values of texts, given the context of their states; causal trunks only."""
        return self.trunk.keys_and_values(context)

    def initial_cache(self, batch_size, length) -> list[KerasTensor]:
        """Returns each layer's empty keys and values for the `length` positions after a text."""
        return self.trunk.nothing(batch_size, length)

    def step(self, embedded, position, cache, source, tokens) -> tuple[KerasTensor, list[KerasTensor]]:
        """Writes one position, like the trunk `gpt`."""
        return self.trunk.step(embedded, position, cache, source, tokens)

    def rates(self) -> dict[str, float]:
        """Returns ELECTRA's fine-tuning rates (Clark et al. 2020, appendix B); the embedding lies below all layers."""
        decay, depths = self.options.layer_decay, {"embedding/embeddings": 0}
        for variable in self.trainable_variables:
            number = re.search(r"layer_(\d+)/", variable.path)
            depths[variable.path] = int(number[1]) + 1 if number else 0
        top = max(depths.values()) + 1
        return {path: decay ** (top - depth) for path, depth in depths.items()} if decay < 1 else {}

    def get_config(self):
        return {**super().get_config(), "backbone": self._backbone}


def _is_causal(backbone: keras_hub.models.Backbone) -> bool:
    return isinstance(backbone, keras_hub.models.GPT2Backbone)


def _in_order(rows: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Returns the rows of an embedding in the order of the tokenizer's ids; missing ones are drawn to be like them."""
    new = np.random.default_rng(0).normal(0.0, rows.std(), [len(order), rows.shape[1]]).astype(rows.dtype)
    return np.where(order[:, None] == NEW_ROW, new, rows[order])


_VOCABULARY = {"vocabulary_size", "vocab_size"}
_OF_ENCODER = "encoder_"
"""The prefix of the encoder's inputs in a backbone that also has a decoder."""


def trunk_of(backbone: keras_hub.models.Backbone) -> keras.Model:
    """Returns a backbone's graph from the embeddings of tokens on; only that of its encoder if it has one.

    Its inputs are the tokens' embeddings `[batch, length, width]`, in place of ids, and the other inputs of the
    backbone that its encoder reads; its output is the states. The layers are the backbone's own.
    """
    inputs = {name: tensor for name, tensor in backbone.input.items() if not name.startswith("decoder_")}
    outputs = backbone.output
    if isinstance(outputs, dict):
        outputs = outputs.get("encoder_sequence_output", outputs.get("sequence_output"))
    embedded = {name: keras.Input((None,), dtype="int32", name=name) for name in inputs}
    ids = "token_ids" if "token_ids" in inputs else f"{_OF_ENCODER}token_ids"
    embedded[ids] = keras.Input((None, backbone.token_embedding.output_dim), dtype=backbone.compute_dtype, name=ids)

    def call(layer, *args, **kwargs):
        if layer is backbone.token_embedding:
            return args[0]
        if isinstance(layer, keras_hub.layers.TokenAndPositionEmbedding):
            return args[0] + layer.position_embedding(args[0])
        return layer(*args, **kwargs)

    return keras.models.clone_model(
        keras.Model(inputs, outputs), input_tensors=embedded, clone_function=lambda layer: layer, call_function=call
    )
