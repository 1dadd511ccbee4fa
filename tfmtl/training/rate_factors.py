"""The share of the learning rate with which each variable of a network moves."""

import keras

from tfmtl.config.learning_rates import LearningRates
from tfmtl.models.network import Network


def rate_factors(network: Network, rates: LearningRates) -> dict[str, float]:
    """Returns factors of the largest learning rate, by the paths of trainable variables.

    Args:
        network: the layers of the model.
        rates: the rates of its parts; within the trunk, they are multiplied by the trunk's own factors.
    """
    layers = network.layers
    pretrained = [decoder for decoder in layers.decoders.values() if _is_pretrained(decoder)]
    # The trunk and copies of its layers come last, because their variables are also the sharing scheme's.
    parts = {
        "heads": [layers.sharing, *layers.heads.values(), *layers.common_heads.values()],
        "decoders": [decoder for decoder in layers.decoders.values() if decoder not in pretrained],
        "trunk": [*pretrained, layers.embedding, layers.sharing.trunk, *(copy for copy, _ in layers.sharing.copies)],
    }
    shares, of_trunk = rates.factors(), dict(layers.sharing.trunk.rates())
    for copy, original in layers.sharing.copies:
        for variable, first in zip(copy.variables, original.variables, strict=True):
            of_trunk[variable.path] = of_trunk.get(first.path, 1.0)
    return {
        variable.path: shares[part] * of_trunk.get(variable.path, 1.0)
        for part, members in parts.items()
        for layer in members
        for variable in layer.trainable_variables
    }


def _is_pretrained(decoder: keras.layers.Layer) -> bool:
    return getattr(decoder, "is_pretrained", False)
