"""Balancing methods, which turn the losses or gradients of several tasks into one update."""

from typing import Any


def get(name: str, **options: Any) -> Any:
    """Returns a balancing method for use outside a training of tfmtl.

    Args:
        name: the name of the method, as in `balancing.method` of a configuration.
        **options: the options of the method, as in the section `balancing` of a configuration.

    Returns:
        Either a `LossWeighting` of `tfmtl.balancing.method`, which has `weights(losses)`, or a `GradientCombination`
        of the same module, which has `aggregate(gradients)`.

    Raises:
        ConfigurationError: if the method or an option is unknown; one line.
    """
    from tfmtl.core.registry import BALANCING
    from tfmtl.core.validation import lookup, validate

    entry = lookup(BALANCING, name, "balancing.method")
    return entry.build(validate(entry.options, options, "balancing"))
