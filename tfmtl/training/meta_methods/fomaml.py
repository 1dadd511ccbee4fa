"""First-order MAML: the gradient at the adapted weights."""

import tensorflow as tf

from tfmtl.core.registry import META
from tfmtl.training.meta_method import Episode, MeasuredOptions, MetaMethod, gradient_of


@META.register("fomaml", options=MeasuredOptions)
class Fomaml(MetaMethod):
    r"""MAML without second derivatives: the gradient at the adapted weights (Finn et al. 2017, section 5.2).

    :math:`\nabla_{\theta'} L^{query}(\theta')`, in the notation of `maml.py`.
    """

    def gradient(self, episode: Episode, weights):
        adapted = episode.adapted(weights, range(len(weights)), self.options).weights
        return gradient_of(lambda: episode.query(adapted), tf.GradientTape(watch_accessed_variables=False), adapted)
