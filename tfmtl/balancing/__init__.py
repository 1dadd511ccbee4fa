"""Balancing methods: how the losses of several tasks become one update."""

from typing import Any


def get(name: str, **options: Any) -> Any:
    """Returns a balancing method to use alone.

    Args:
        name: as in `balancing.method` of a configuration.
        **options: its options, as there.

    Returns:
        A `LossWeighting` of `tfmtl.balancing.method`, which has `weights(losses)`, or a `GradientCombination` of it,
        which has `aggregate(gradients)`.

    Raises:
        ConfigurationError: for an unknown method or option, in one line.
    """
    from tfmtl.core.registry import BALANCING
    from tfmtl.core.validation import lookup, validate

    entry = lookup(BALANCING, name, "balancing.method")
    return entry.build(validate(entry.options, options, "balancing"))
