"""One update whose gradient is a combination of the tasks' own gradients."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from tfmtl.balancing.method import GradientCombination
from tfmtl.training.losses import LossTerms
from tfmtl.training.update import Update, all_sum, dense


class GradientUpdate(Update):
    """An update by a method that combines gradients.

    Each task has a gradient of its own, summed over all replicas before they are combined: a combination of the
    replicas' gradients would be another one. What only one task reaches, such as its head, follows that task's loss.

    Args:
        terms: each task's loss, by name.
        balancing: what combines the gradients; built for these tasks and parameters.
        clip_norm: as `Update`.
        shared: which of the model's trainable variables belong to no task alone, by position.
    """

    def __init__(
        self, terms: Mapping[str, LossTerms], balancing: GradientCombination, clip_norm: float, shared: Sequence[int]
    ):
        super().__init__(terms, balancing, clip_norm)
        self._shared = list(shared)

    def _gradients(self, model: keras.Model, data) -> list[tf.Tensor]:
        inputs, targets = data
        scale = model.optimizer.scale_loss(1.0)
        with tf.GradientTape(persistent=True) as tape:
            shares, counts = self._shares(targets, model(inputs, training=True))
            # Not out of a stack, by which each task's gradient would flow through all heads, as zeros.
            parts = [share * scale for share in shares]
        variables = model.trainable_variables
        rows = [tape.gradient(part, variables) for part in parts]
        del tape
        matrix = all_sum(tf.stack([_flat([row[k] for k in self._shared], variables, self._shared) for row in rows]))
        losses = all_sum(tf.stop_gradient(tf.stack(shares)))
        present = (counts > 0) & (self.active.value > 0)
        combined, weights = self.balancing.combine(tf.where(present[:, None], matrix / scale, 0.0), losses, present)
        self._note(losses, counts, weights * self.active.value)
        of_heads = self.active.value * (weights if self.balancing.scales_heads else tf.ones_like(weights))
        own = [k for k in range(len(variables)) if k not in self._shared]
        of_own = all_sum([_weighted([row[k] for row in rows], of_heads, variables[k]) for k in own])
        parts = tf.split(combined * scale, [_size(variables[k]) for k in self._shared])
        gradients = dict(zip(own, of_own, strict=True))
        for k, part in zip(self._shared, parts, strict=True):
            gradients[k] = tf.cast(tf.reshape(part, variables[k].shape), variables[k].dtype)
        return [gradients[k] for k in range(len(variables))]


def _size(variable: keras.Variable) -> int:
    return tf.TensorShape(variable.shape).num_elements()


def _flat(gradients: Sequence, variables: Sequence, shared: Sequence[int]) -> tf.Tensor:
    parts = [dense(gradient, variables[k]) for gradient, k in zip(gradients, shared, strict=True)]
    return tf.concat([tf.reshape(tf.cast(part, tf.float32), [-1]) for part in parts], axis=0)


def _weighted(gradients: Sequence, weights: tf.Tensor, variable: keras.Variable) -> tf.Tensor:
    """Returns the weighted sum of the gradients of one variable by each task; `None` where a task does not reach it."""
    parts = [tf.cast(weights[k], g.dtype) * dense(g, variable) for k, g in enumerate(gradients) if g is not None]
    return tf.add_n(parts) if parts else dense(None, variable)
