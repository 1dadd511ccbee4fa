"""Reptile: towards the weights to which an episode adapts."""

import tensorflow as tf

from tfmtl.core.registry import META
from tfmtl.training.meta_method import Episode, MetaMethod, MetaOptions


@META.register("reptile", options=MetaOptions)
class Reptile(MetaMethod):
    r"""The difference to the adapted weights in place of a gradient (Nichol et al. 2018, algorithm 2).

    The optimizer gets :math:`(\theta - \theta') / \alpha`, which is the sum of the gradients of the inner steps; with
    one step it is the gradient of the loss. Episodes have no query rows; the loss is that before adaptation.
    """

    measures = False

    def gradient(self, episode: Episode, weights):
        loss = episode.support(weights)
        adapted = episode.adapted(weights, range(len(weights)), self.options)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        scale = 1.0 / (self.options.inner_rate * replicas)
        return loss, [(w - a) * tf.constant(scale, w.dtype) for w, a in zip(weights, adapted, strict=True)]
