"""The head of a question answering task."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import KerasTensor, ops

from tfmtl.core.later_variables import mark_later
from tfmtl.data.special_tokens import END_ID
from tfmtl.kinds.question_answering.decision import UNLIKELIER
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

    Attributes:
        threshold: by how much the likelihood of no answer may exceed that of an answer that is given, a float32 scalar;
            0 until it is chosen on the validation split. The loss, and the scores that the head returns, know nothing
            of it.
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
        initial = keras.initializers.Constant(UNLIKELIER)
        self.threshold = self.add_weight((), initial, dtype="float32", trainable=False, name="threshold")
        mark_later(self.threshold)

    def load_own_variables(self, store: Mapping[str, Any]):
        """Loads the threshold; a file that was written when heads had none leaves it at 0."""
        found = {key: store[key] for key in store.keys()}  # noqa: SIM118 - Keras' store of a file is no mapping
        super().load_own_variables({"0": UNLIKELIER, **found})

    def call(self, states, tokens, training=None) -> KerasTensor:
        """Returns the scores, float32 `[batch, length, 2]`; very low ones where no answer can begin or end."""
        scores = super().call(states, tokens, training=training)
        none = self.none(states, tokens, training=training)
        is_context = token_mask(tokens) & (segment_ids(tokens) == 1) & ops.not_equal(tokens, END_ID)
        scores = scores + score_bias(is_context)[..., None]
        return ops.concatenate([none[:, None, :], scores[:, 1:]], axis=1)

    def get_config(self):
        return {**super().get_config(), "pooling": self._pooling}
