"""The head of a question answering task."""

import keras
from keras import KerasTensor, ops

from tfmtl.data.special_tokens import END_ID
from tfmtl.models.layers.pooled_head import PooledHead
from tfmtl.models.layers.token_head import TokenHead
from tfmtl.models.layers.tokens import score_bias, segment_ids, token_mask


@keras.saving.register_keras_serializable("tfmtl")
class SpanHead(TokenHead):
    """Scores each token of the second text of a pair as the begin and as the end of an answer.

    The start mark stands for no answer, as in Devlin et al. 2019, section 4.3. Difference from the paper: its scores
    are those of the pooled states of all tokens, because in a causal trunk its own state has seen no text.

    Args:
        pooling: the name under which a class of `tfmtl.models.layers.pooling` is registered.
        dropout: the rate before the output layers.
    """

    def __init__(self, pooling: str, dropout: float = 0.0, **kwargs):
        kwargs.pop("outputs", None)
        super().__init__(outputs=2, dropout=dropout, **kwargs)
        self._pooling = pooling

    def build(self, states_shape, tokens_shape=None):
        super().build(states_shape, tokens_shape)
        policy = self.dtype_policy
        self.none = PooledHead(2, dropout=self.rate, pooling=self._pooling, name="none", dtype=policy)
        self.none.build(states_shape)

    def call(self, states, tokens, training=None) -> KerasTensor:
        """Returns the scores, float32 `[batch, length, 2]`; very low ones where no answer can begin or end."""
        scores = super().call(states, tokens, training=training)
        none = self.none(states, tokens, training=training)
        is_context = token_mask(tokens) & (segment_ids(tokens) == 1) & ops.not_equal(tokens, END_ID)
        scores = scores + score_bias(is_context)[..., None]
        return ops.concatenate([none[:, None, :], scores[:, 1:]], axis=1)

    def get_config(self):
        return {**super().get_config(), "pooling": self._pooling}
