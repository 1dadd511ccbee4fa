"""Checks of described tasks, before anything is read or loaded."""

from collections.abc import Mapping

from tfmtl.config.options import ModelOptions
from tfmtl.core.errors import ConfigurationError
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task


def check_descriptors(tasks: Mapping[str, Task], model: ModelOptions) -> None:
    """Checks that described tasks can have a head that is generated from their descriptors.

    Raises:
        ConfigurationError: if one cannot, descriptors differ in their form, or nothing says how heads are generated.
    """
    described = {name: task.descriptor for name, task in tasks.items() if task.descriptor is not None}
    if not described:
        return
    first, of_first = next(iter(described.items()))
    if model.descriptors is None:
        raise ConfigurationError(
            f"tasks.{first}.descriptor: say by 'model.descriptors' how heads are generated, such as 'bilinear'"
        )
    if model.shared_heads:
        raise ConfigurationError("model.shared_heads: described tasks have a common part already; leave this out")
    for name, descriptor in described.items():
        place = f"tasks.{name}.descriptor"
        kind = kind_of(tasks[name])
        if kind.common_head_key(tasks[name]) is None:
            raise ConfigurationError(f"{place}: the head of this task cannot be generated")
        if isinstance(descriptor, str) != isinstance(of_first, str):
            raise ConfigurationError(
                f"{place}: task '{first}' is described in another form; use numbers or texts for all"
            )
        if not isinstance(descriptor, str) and len(descriptor) != len(of_first):
            raise ConfigurationError(f"{place}: found {len(descriptor)} values, but '{first}' has {len(of_first)}")
    if isinstance(of_first, str) and not model.encoder.options.pretrained_from:
        raise ConfigurationError(
            f"tasks.{first}.descriptor: only a pretrained trunk can read a text; see 'model.encoder', or give numbers"
        )
