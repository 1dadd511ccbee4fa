"""Reptile: towards the weights to which an episode adapts."""

import tensorflow as tf

from tfmtl.core.registry import META
from tfmtl.training.meta_method import Episode, MetaMethod, MetaOptions


@META.register("reptile", options=MetaOptions)
class Reptile(MetaMethod):
    r"""The difference to the adapted weights in place of a gradient (Nichol et al. 2018, algorithm 2).

    The optimizer gets :math:`(\theta - \theta') / \alpha`, which is the sum of the gradients of the inner steps; with
    one step it is the gradient of the loss. Each inner step reads other rows of the episode's classes, without which
    nothing would make steps on some rows help others (section 5.1). There are no query rows; the loss is that of
    the last step's rows before that step.
    """

    measures = False
    renews = True

    def gradient(self, episode: Episode, weights):
        adapted, loss = episode.adapted(weights, range(len(weights)), self.options)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        scale = 1.0 / (self.options.inner_rate * replicas)
        return loss, [(w - a) * tf.constant(scale, w.dtype) for w, a in zip(weights, adapted, strict=True)]
