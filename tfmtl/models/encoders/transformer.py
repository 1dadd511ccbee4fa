"""The default trunk: token and position embeddings, and Transformer layers."""

import keras
from pydantic import Field, model_validator

from tfmtl.core.registry import ENCODERS
from tfmtl.models.decoders.transformer import TransformerDecoder
from tfmtl.models.layers.layer_change import UNCHANGED
from tfmtl.models.layers.positions import PositionEmbedding
from tfmtl.models.layers.tokens import segment_ids, token_mask
from tfmtl.models.layers.transformer_layer import EncoderLayer, LayerOptions
from tfmtl.models.saved_layers import layer_config, layer_of
from tfmtl.models.stack import Stack
from tfmtl.models.trunk import States, TrunkOptions


class TransformerOptions(LayerOptions, TrunkOptions):
    """Options of the default trunk; those of its layers are in `LayerOptions`.

    Attributes:
        layers: the number of Transformer layers.
        hidden: the width of embeddings and states.
        token_dropout: the share of tokens whose whole embedding is zeroed in training (Iyyer et al. 2015, word
            dropout); the summary head still sees them.
        max_length: the maximum number of tokens in a row, including its marks; longer rows are cut.
    """

    layers: int = Field(4, ge=1)
    hidden: int = Field(256, ge=2)
    token_dropout: float = Field(0.0, ge=0.0, lt=1.0)
    max_length: int = Field(256, ge=4)

    @model_validator(mode="after")
    def _heads_divide_width(self):
        if self.hidden % self.heads:
            raise ValueError(f"'hidden' ({self.hidden}) must be a multiple of 'heads' ({self.heads})")
        if self.positions == "rotary" and self.hidden // self.heads % 2:
            raise ValueError(f"rotary positions need heads of an even width, not {self.hidden // self.heads}")
        return self


@ENCODERS.register("transformer", options=TransformerOptions)
@keras.saving.register_keras_serializable("tfmtl")
class TransformerEncoder(Stack):
    """Transformer encoder over tokens, positions and segments (Vaswani et al. 2017; Xiong et al. 2020).

    After the last layer there is one more normalisation, also in post-norm trunks.

    Embeddings have a variance of 1/hidden, so that the tied output projection starts with logits of variance one, and
    are scaled by the square root of hidden on the way in (Vaswani et al. 2017, section 3.4).

    Args:
        **kwargs: `TransformerOptions` and the arguments of every Keras layer.
    """

    options_class = TransformerOptions

    def decoder(self, layers: int, dropout: float | None, max_length: int, **kwargs) -> TransformerDecoder:
        """Returns a decoder that writes summaries from this trunk's states; its layers are as wide as the trunk's."""
        of_layers = self.options.of_layers(**({} if dropout is None else {"dropout": dropout}))
        return TransformerDecoder(**of_layers, layers=layers, max_length=max_length, **kwargs)

    def build(self, embedded_shape, tokens_shape=None):
        options, policy = self.options, self.dtype_policy
        self.positions = PositionEmbedding(options.positions, options.max_length, name="positions", dtype=policy)
        normal = keras.initializers.RandomNormal(stddev=0.1)
        self.segments = keras.layers.Embedding(
            2, options.hidden, embeddings_initializer=normal, name="segments", dtype=policy
        )
        self.token_dropout = keras.layers.Dropout(
            options.token_dropout, (None, None, 1), name="token_dropout", dtype=policy
        )
        self.dropout = keras.layers.Dropout(options.dropout, name="dropout", dtype=policy)
        of_layers = options.of_layers()
        self.layers = [EncoderLayer(**of_layers, name=f"layer_{i}", dtype=policy) for i in range(options.layers)]
        self.norm = options.make_norm("norm", policy)
        self.positions.build(embedded_shape)
        self.segments.build(None)
        for layer in (*self.layers, self.norm):
            layer.build(embedded_shape)

    def call(self, embedded, tokens, training=None) -> States:
        """Returns the states of texts, `[batch, length, hidden]`.

        Args:
            embedded: the tokens' embeddings `[batch, length, hidden]`.
            tokens: their ids, int32 `[batch, length]`.
            training: whether dropout is on.
        """
        return self.end(*self.run(self.layers, self.begin(embedded, tokens, training), tokens, training))

    @property
    def stack(self) -> list[EncoderLayer]:
        return self.layers

    def begin(self, embedded, tokens, training=None):
        states = self.token_dropout(embedded * self.options.hidden**0.5, training=training)
        states = self.positions(states) + self.segments(segment_ids(tokens))
        return self.dropout(states, training=training)

    def through(self, layer, hidden, tokens, training=None, change=UNCHANGED, seen=None):
        mask = token_mask(tokens)[:, None, None, :] if seen is None else seen[:, None]
        return layer(hidden, mask, training=training, change=change), ()

    def end(self, hidden, context=()) -> States:
        return States(self.norm(hidden))

    def copied(self, layer, name):
        config = layer_config(layer)
        copy = layer_of({**config, "config": {**config["config"], "name": name}})
        copy.build((None, None, self.options.hidden))
        copy.set_weights(layer.get_weights())
        return copy

    def depths(self) -> dict[int, int]:
        return super().depths() | {id(variable): len(self.layers) for variable in self.norm.variables}
