"""The default trunk: token and position embeddings, and pre-norm Transformer layers."""

import keras
from keras import KerasTensor, ops
from pydantic import Field, field_validator, model_validator

from tfmtl.models.decoder import TransformerDecoder
from tfmtl.models.tokens import segment_ids, token_mask
from tfmtl.models.transformer_layer import EncoderLayer
from tfmtl.registry import ENCODERS, Options


class TransformerOptions(Options):
    """Attributes of the default trunk.

    Attributes:
        layers: Transformer layers.
        hidden: the width.
        heads: attention heads; the width must be a multiple of it.
        feedforward: the inner width of the feed-forward networks.
        dropout: of the embeddings and after each sublayer.
        token_dropout: the share of pieces whose whole embedding is zeroed in training (Iyyer et al. 2015, word
            dropout); the summary head still sees them.
        activation: of the feed-forward networks.
        max_length: the most pieces of a row, its marks included; what is longer is cut.
    """

    layers: int = Field(4, ge=1)
    hidden: int = Field(256, ge=2)
    heads: int = Field(4, ge=1)
    feedforward: int = Field(1024, ge=1)
    dropout: float = Field(0.1, ge=0.0, lt=1.0)
    token_dropout: float = Field(0.0, ge=0.0, lt=1.0)
    activation: str = "gelu"
    max_length: int = Field(256, ge=4)

    @field_validator("activation")
    @classmethod
    def _known(cls, activation: str) -> str:
        try:
            keras.activations.get(activation)
        except ValueError:
            raise ValueError("unknown Keras activation; known are gelu, relu, silu, tanh and the like") from None
        return activation

    @model_validator(mode="after")
    def _heads_divide_width(self):
        if self.hidden % self.heads:
            raise ValueError(f"'hidden' ({self.hidden}) must be a multiple of 'heads' ({self.heads})")
        return self


@ENCODERS.register("transformer", options=TransformerOptions)
@keras.saving.register_keras_serializable("tfmtl")
class TransformerEncoder(keras.layers.Layer):
    """Pre-norm Transformer encoder over pieces, positions and segments (Vaswani et al. 2017; Xiong et al. 2020).

    Embeddings have a variance of 1/hidden, so that the tied output projection starts with logits of variance one, and
    are scaled by the square root of hidden on the way in (Vaswani et al. 2017, section 3.4).

    Args:
        options: the options, or a mapping of them.
    """

    def __init__(self, options: TransformerOptions | dict, **kwargs):
        super().__init__(**kwargs)
        self.options = TransformerOptions.model_validate(options)

    @staticmethod
    def decoder(
        options: TransformerOptions, layers: int, dropout: float | None, max_length: int, **kwargs
    ) -> TransformerDecoder:
        """Returns what writes a summary from the states of this encoder; its layers are as wide as the encoder's."""
        return TransformerDecoder(
            layers=layers,
            heads=options.heads,
            feedforward=options.feedforward,
            activation=options.activation,
            dropout=options.dropout if dropout is None else dropout,
            max_length=max_length,
            **kwargs,
        )

    def build(self, embedded_shape, tokens_shape=None):
        options, policy = self.options, self.dtype_policy
        normal = keras.initializers.RandomNormal(stddev=0.1)
        table = {"embeddings_initializer": normal, "dtype": policy}
        self.positions = keras.layers.Embedding(options.max_length, options.hidden, name="positions", **table)
        self.segments = keras.layers.Embedding(2, options.hidden, name="segments", **table)
        self.token_dropout = keras.layers.Dropout(
            options.token_dropout, (None, None, 1), name="token_dropout", dtype=policy
        )
        self.dropout = keras.layers.Dropout(options.dropout, name="dropout", dtype=policy)
        self.layers = [
            EncoderLayer(
                options.heads, options.feedforward, options.activation, options.dropout, name=f"layer_{i}", dtype=policy
            )
            for i in range(options.layers)
        ]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm", dtype=policy)
        for embedding in (self.positions, self.segments):
            embedding.build(None)
        for layer in (*self.layers, self.norm):
            layer.build(embedded_shape)

    def call(self, embedded, tokens, training=None) -> KerasTensor:
        """Returns the states `[batch, length, hidden]` of the pieces.

        Args:
            embedded: the pieces' embeddings `[batch, length, hidden]`.
            tokens: their ids, int32 `[batch, length]`.
            training: whether dropout is on.
        """
        states = self.token_dropout(embedded * self.options.hidden**0.5, training=training)
        states = states + self.positions(ops.arange(ops.shape(tokens)[1])) + self.segments(segment_ids(tokens))
        states = self.dropout(states, training=training)
        mask = token_mask(tokens)[:, None, None, :]
        for layer in self.layers:
            states = layer(states, mask, training=training)
        return self.norm(states)

    def get_config(self):
        return {**super().get_config(), "options": self.options.model_dump()}
