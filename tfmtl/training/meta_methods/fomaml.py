"""First-order MAML: the gradient at the adapted weights."""

import tensorflow as tf

from tfmtl.core.registry import META
from tfmtl.training.meta_method import Episode, MetaMethod, MetaOptions, gradient_of


@META.register("fomaml", options=MetaOptions)
class Fomaml(MetaMethod):
    r"""MAML without second derivatives, :math:`\nabla_{\theta'} L^{query}(\theta')` (Finn et al. 2017, section 5.2)."""

    def gradient(self, episode: Episode, weights):
        adapted = episode.adapted(weights, range(len(weights)), self.options)
        return gradient_of(lambda: episode.query(adapted), tf.GradientTape(watch_accessed_variables=False), adapted)
