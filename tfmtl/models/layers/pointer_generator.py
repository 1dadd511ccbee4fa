"""The output of a task that generates text: a distribution over tokens, from the vocabulary and from the source."""

import keras
from keras import KerasTensor, ops

from tfmtl.data.special_tokens import PAD_ID, SPECIAL_IDS
from tfmtl.models.layers.target_positions import at_targets, spread, target_places
from tfmtl.models.layers.tokens import MASKED_SCORE


@keras.saving.register_keras_serializable("tfmtl")
class PointerGeneratorHead(keras.layers.Layer):
    """Log-likelihood of a summary's tokens; with copying, the pointer-generator of See et al. 2017, eq. 9.

    `P(w) = p_gen softmax(logits)[w] + (1 - p_gen) sum_i a_i [source_i = w]`.

    Differences from the paper: the copy attention `a` is separate, a scaled dot product of the decoder's last state
    with a key of each position of the source, and not the attention that makes the context vector; a key is made of the
    trunk's state, the token at the position and the token before it, so that the trunk need not learn to continue from
    the token copied last, which the decoder's state holds; marks are never copied; training mixes in log space; instead
    of a coverage loss, generation forbids repeated n-grams.

    In training, the log-likelihood of a target needs neither the mixture over the whole vocabulary nor a scatter: the
    positions of the source that contain the target are enough.

    Args:
        copy_source: whether tokens of the source can be copied.
        label_smoothing: in training, the share of the target's log-likelihood that is replaced by the mean
            log-probability over the vocabulary.
    """

    def __init__(self, copy_source: bool, label_smoothing: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.copy_source = copy_source
        self.label_smoothing = label_smoothing

    def build(self, logits_shape, hidden_shape, states_shape, embedded_shape, source_shape, targets_shape):
        if not self.copy_source:
            return
        width = hidden_shape[-1]
        self.copy_query = keras.layers.Dense(width, name="copy_query", dtype=self.dtype_policy)
        # Without a bias, which would have no effect on the softmax over the source.
        self.copy_key = keras.layers.Dense(width, use_bias=False, name="copy_key", dtype=self.dtype_policy)
        self.gate = keras.layers.Dense(1, name="gate", dtype=self.dtype_policy)
        self.copy_query.build(hidden_shape)
        self.copy_key.build((*states_shape[:-1], states_shape[-1] + 2 * embedded_shape[-1]))
        self.gate.build(hidden_shape)

    def call(self, logits, hidden, states, embedded, source, targets, training=None) -> KerasTensor:
        """Returns float32 `[batch, length]`: the log-likelihood of each target, 0 at padding.

        Args:
            logits: the logits over the vocabulary at the positions that `TargetPositions` selects,
                `[positions, vocabulary]`.
            hidden: the states of the decoder, `[batch, length, hidden]`.
            states: the states of the trunk, `[batch, source_length, hidden]`.
            embedded: embeddings of the source's tokens, `[batch, source_length, hidden]`.
            source: ids of the source, int32 `[batch, source_length]`.
            targets: ids of the tokens that should follow, int32 `[batch, length]`.
            training: whether labels are smoothed.
        """
        logits, places = ops.cast(logits, "float32"), target_places(targets)
        wanted = at_targets(targets, places)
        generated = -ops.sparse_categorical_crossentropy(wanted, logits, from_logits=True)
        likelihood = spread(generated, places, targets)
        if self.copy_source:
            scores = self.copy_scores(hidden, self.copy_keys(states, embedded), source)
            same = ops.equal(source[:, None, :], targets[:, :, None])
            copied = ops.logsumexp(ops.where(same, scores, MASKED_SCORE), axis=-1) - ops.logsumexp(scores, axis=-1)
            generate, copy = self._log_gate(hidden, source)
            likelihood = ops.logaddexp(generate + likelihood, copy + copied)
        if training and self.label_smoothing:
            uniform = ops.mean(logits, axis=-1) - self._normaliser(logits, generated, wanted)
            uniform = spread(uniform, places, targets)
            likelihood = (1 - self.label_smoothing) * likelihood + self.label_smoothing * uniform
        return ops.where(ops.equal(targets, PAD_ID), 0.0, likelihood)

    def log_probabilities(self, logits, hidden, keys, source) -> KerasTensor:
        """Returns float32 `[batch, vocabulary]`: the log-probability of every token at one position.

        Args:
            logits: the logits over the vocabulary, `[batch, 1, vocabulary]`.
            hidden: the state of the decoder, `[batch, 1, hidden]`.
            keys: the result of `copy_keys`, `[batch, source_length, hidden]`; `None` without copying.
            source: ids of the source, int32 `[batch, source_length]`.
        """
        logits = ops.cast(logits, "float32")[:, 0]
        if not self.copy_source:
            return ops.log_softmax(logits, axis=-1)
        # Mixed as probabilities: exponentials and logarithms over a whole vocabulary take most of the time of a step.
        generate, copy = (ops.exp(log_gate) for log_gate in self._log_gate(hidden, source))
        weights = copy * ops.softmax(self.copy_scores(hidden, keys, source)[:, 0], axis=-1)
        rows, vocabulary = ops.shape(logits)[0], ops.shape(logits)[1]
        flat = ops.reshape(source + ops.arange(rows, dtype="int32")[:, None] * vocabulary, (-1,))
        copied = ops.segment_sum(ops.reshape(weights, (-1,)), flat, num_segments=rows * vocabulary)
        return ops.log(generate * ops.softmax(logits, axis=-1) + ops.reshape(copied, (rows, vocabulary)))

    def copy_keys(self, states, embedded) -> KerasTensor:
        """Returns `[batch, source_length, hidden]`: the copy key of each position of the source; see the class."""
        pieces = embedded * ops.cast(ops.shape(embedded)[-1], embedded.dtype) ** 0.5
        # Not by padding: a batch without rows has no positions either, and must not be given one.
        before = ops.concatenate([ops.zeros_like(pieces[:, :1]), pieces[:, :-1]], axis=1)
        return self.copy_key(ops.concatenate([states, pieces, before], axis=-1))

    def copy_scores(self, hidden, keys, source) -> KerasTensor:
        """Returns float32 `[batch, length, source_length]`: unnormalised scores, with marks and padding masked."""
        query = self.copy_query(hidden) * ops.cast(ops.shape(hidden)[-1], self.compute_dtype) ** -0.5
        scores = ops.cast(ops.matmul(query, ops.transpose(keys, (0, 2, 1))), "float32")
        return ops.where(ops.greater_equal(source, SPECIAL_IDS)[:, None, :], scores, MASKED_SCORE)

    def _log_gate(self, hidden, source):
        """The logs of `p_gen` and `1 - p_gen`, `[batch, length]`; a source without tokens leaves nothing to copy."""
        gate = ops.cast(self.gate(hidden)[..., 0], "float32")
        copyable = ops.any(ops.greater_equal(source, SPECIAL_IDS), axis=1, keepdims=True)
        generate = ops.where(copyable, ops.log_sigmoid(gate), 0.0)
        return generate, ops.where(copyable, ops.log_sigmoid(-gate), MASKED_SCORE)

    @staticmethod
    def _normaliser(logits, likelihood, targets):
        """The log of the softmax's denominator, recovered from the fused cross-entropy."""
        target_logits = ops.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
        return target_logits - likelihood

    def get_config(self):
        config = {"copy_source": self.copy_source, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **config}
