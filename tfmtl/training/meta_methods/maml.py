"""MAML: the exact gradient of the loss after adaptation."""

import tensorflow as tf

from tfmtl.core.registry import META
from tfmtl.training.meta_method import Episode, MeasuredOptions, MetaMethod, gradient_of


@META.register("maml", options=MeasuredOptions)
class Maml(MetaMethod):
    r"""The gradient through the inner steps, with its second derivatives (Finn et al. 2017, algorithm 1).

    :math:`\nabla_\theta L^{query}(\theta')`, where :math:`\theta'` is :math:`\theta` after the inner steps
    :math:`\theta' \leftarrow \theta' - \alpha \nabla L^{support}(\theta')`.
    """

    second_order = True

    def gradient(self, episode: Episode, weights):
        everything = range(len(weights))
        return gradient_of(
            lambda: episode.query(episode.adapted(weights, everything, self.options).weights),
            tf.GradientTape(watch_accessed_variables=False),
            weights,
        )
