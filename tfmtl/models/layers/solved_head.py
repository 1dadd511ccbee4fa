"""The head of a task whose weights were solved from frozen states, not trained."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import KerasTensor, ops

from tfmtl.models.layers.pooling import AttentionPooling, MeanPooling
from tfmtl.models.layers.tempered import with_temperature
from tfmtl.models.layers.tokens import segment_ids, token_mask
from tfmtl.models.saved_layers import layer_config, layer_of


@keras.saving.register_keras_serializable("tfmtl")
class PooledFeatures(keras.layers.Layer):
    """A text as one vector: its pooled states, divided by their Euclidean norm.

    Sentence encoders are trained for cosines, so that the length of a vector says nothing. The two texts of a pair are
    pooled separately and give `[u; v; |u - v|; u * v]` (Mou et al. 2016), of which each part has been normalised.

    Args:
        pooling: a class of `tfmtl.models.layers.pooling` without weights, or the name under which it is registered.
            For the learned pooling of a head, give `MeanPooling`, which it is before it has learned.
        pair: whether the task reads two texts.
        **kwargs: the arguments of every Keras layer.
    """

    def __init__(self, pooling: type[keras.layers.Layer] | str = MeanPooling, pair: bool = False, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self._pooling_class = keras.saving.get_registered_object(pooling) if isinstance(pooling, str) else pooling
        self.pair = pair

    def build(self, states_shape, tokens_shape=None):
        self.pooling = self._pooling_class(name="pooling", dtype="float32")
        self.pooling.build(states_shape)

    def call(self, states, tokens) -> KerasTensor:
        """Returns float32 `[batch, hidden]`, or `[batch, 4 * hidden]` for pairs.

        Args:
            states: the states of the trunk, `[batch, length, hidden]`.
            tokens: ids of the source, int32 `[batch, length]`.
        """
        states, mask = ops.cast(states, "float32"), token_mask(tokens)
        if not self.pair:
            return _normalised(self.pooling(states, mask))
        segments = segment_ids(tokens)
        first, second = (_normalised(self.pooling(states, mask & (segments == segment))) for segment in (0, 1))
        return ops.concatenate([first, second, ops.abs(first - second), first * second], axis=-1)

    def width(self, hidden: int) -> int:
        """Returns the width of the vectors, given that of the states."""
        return hidden * (4 if self.pair else 1)

    def get_config(self):
        pooling = keras.saving.get_registered_name(self._pooling_class)
        return {**super().get_config(), "pooling": pooling, "pair": self.pair}


def pooling_for(pooling: type[keras.layers.Layer]) -> type[keras.layers.Layer]:
    """Returns the pooling without weights that is nearest to that of a trunk's heads."""
    return MeanPooling if pooling is AttentionPooling else pooling


def _normalised(vectors: KerasTensor) -> KerasTensor:
    norm = ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True))
    return vectors / ops.maximum(norm, keras.config.epsilon())


class _Scores(keras.layers.Layer):
    """Base of layers that score classes in float32 and whose weights are solved outside.

    Args:
        classes: the number of classes.
        **kwargs: the arguments of every Keras layer.
    """

    def __init__(self, classes: int, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.classes = classes

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


@keras.saving.register_keras_serializable("tfmtl")
class LinearScores(_Scores):
    """Scores classes by a linear function of a text's vector; its weights are solved outside and assigned."""

    def build(self, features_shape):
        shape = (features_shape[-1], self.classes)
        self.kernel = self.add_weight(shape, "zeros", dtype="float32", trainable=False, name="kernel")
        self.bias = self.add_weight((self.classes,), "zeros", dtype="float32", trainable=False, name="bias")

    def call(self, features) -> KerasTensor:
        """Returns the logits, float32 `[batch, classes]`, for vectors float32 `[batch, width]`."""
        return ops.matmul(features, ops.convert_to_tensor(self.kernel)) + ops.convert_to_tensor(self.bias)


@keras.saving.register_keras_serializable("tfmtl")
class PrototypeScores(_Scores):
    """Scores classes by the distance of a text's vector from the mean of each (Snell et al. 2017, equation 2).

    The score of class k is `-scale * ||f(x) - c_k||^2`. The paper trains f so that a scale of one fits; here f is given
    and the scale is chosen.
    """

    def build(self, features_shape):
        shape = (self.classes, features_shape[-1])
        self.prototypes = self.add_weight(shape, "zeros", dtype="float32", trainable=False, name="prototypes")
        self.scale = self.add_weight((), "ones", dtype="float32", trainable=False, name="scale")

    def call(self, features) -> KerasTensor:
        """Returns the logits, float32 `[batch, classes]`, for vectors float32 `[batch, width]`."""
        # Differences instead of |f|^2 - 2 f c + |c|^2, which loses digits where vectors are near to each other.
        differences = features[:, None, :] - ops.convert_to_tensor(self.prototypes)[None]
        return -ops.convert_to_tensor(self.scale) * ops.sum(ops.square(differences), axis=-1)


@keras.saving.register_keras_serializable("tfmtl")
class SolvedHead(keras.layers.Layer):
    """A head without a trained weight: the vector of a text, and the scores of classes for it.

    Args:
        features: the layer that makes the vectors, or its configuration.
        scores: the layer that scores classes, or its configuration.
        **kwargs: the arguments of every Keras layer.
    """

    common = None
    """It has no head in common with other tasks."""

    def __init__(
        self, features: PooledFeatures | Mapping[str, Any], scores: keras.layers.Layer | Mapping[str, Any], **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        self.features = layer_of(features)
        self.scores = layer_of(scores)

    def build(self, states_shape, tokens_shape=None):
        if not self.features.built:
            self.features.build(states_shape, tokens_shape)
        if not self.scores.built:
            self.scores.build((None, self.features.width(states_shape[-1])))

    def call(self, states, tokens, training=None) -> KerasTensor:
        """Returns the logits, float32 `[batch, classes]`.

        Args:
            states: the states of the trunk, `[batch, length, hidden]`.
            tokens: ids of the source, int32 `[batch, length]`.
            training: without effect.
        """
        return self.scores(self.features(states, tokens))

    def get_config(self):
        parts = {"features": layer_config(self.features), "scores": layer_config(self.scores)}
        return {**super().get_config(), **parts}


@keras.saving.register_keras_serializable("tfmtl")
class ExtendedHead(keras.layers.Layer):
    r"""A trained head with further classes behind its own.

    A solved head scores the old and the new classes. How probable the new ones are follows from it; how the rest is
    divided among the old ones follows from the trained head alone, as before:
    :math:`p(k|x) = p_{old}(k|x) \sum_{j \in old} q(j|x)` for an old class k, and :math:`q(k|x)` for a new one, where q
    is the softmax of the solved head's scores.

    Args:
        old: the trained head, or its configuration.
        solved: the head that scores all classes, the old ones first, or its configuration.
        old_classes: the number of old classes.
        **kwargs: the arguments of every Keras layer.
    """

    def __init__(
        self,
        old: keras.layers.Layer | Mapping[str, Any],
        solved: SolvedHead | Mapping[str, Any],
        old_classes: int,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.old = layer_of(old)
        self.solved = layer_of(solved)
        self.old_classes = old_classes
        self.common = self.old.common

    def build(self, states_shape, tokens_shape=None, common_shape=None):
        if not self.old.built:
            common = () if self.common is None else (common_shape,)
            self.old.build(states_shape, tokens_shape, *common)
        if not self.solved.built:
            self.solved.build(states_shape, tokens_shape)

    def call(self, states, tokens, common=None, training=None) -> KerasTensor:
        """Returns the logits, float32 `[batch, classes]`; see `PooledHead.call`."""
        given = {} if common is None else {"common": common}
        old = with_temperature(self.old(states, tokens, **given, training=training), self.old)
        scores = self.solved(states, tokens)
        of_old, of_new = scores[:, : self.old_classes], scores[:, self.old_classes :]
        return ops.concatenate([ops.log_softmax(old, axis=-1) + _log_sum(of_old), of_new], axis=-1)

    def get_config(self):
        parts = {"old": layer_config(self.old), "solved": layer_config(self.solved), "old_classes": self.old_classes}
        return {**super().get_config(), **parts}


def _log_sum(scores: KerasTensor) -> KerasTensor:
    """Returns the logarithm of the sum of the exponentials of scores `[batch, classes]`, `[batch, 1]`."""
    return ops.logsumexp(scores, axis=-1, keepdims=True)
