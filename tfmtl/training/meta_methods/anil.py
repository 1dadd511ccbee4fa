"""ANIL: almost no inner loop, since only heads adapt."""

import tensorflow as tf

from tfmtl.core.registry import META
from tfmtl.training.meta_method import Episode, MeasuredOptions, MetaMethod, gradient_of


@META.register("anil", options=MeasuredOptions)
class Anil(MetaMethod):
    """MAML whose inner steps move heads and decoders alone (Raghu et al. 2020, section 4).

    The trunk is the same before and after adaptation, and learns from the query rows, through the inner steps.
    """

    second_order = True

    def gradient(self, episode: Episode, weights):
        return gradient_of(
            lambda: episode.query(episode.adapted(weights, episode.heads, self.options).weights),
            tf.GradientTape(watch_accessed_variables=False),
            weights,
        )
