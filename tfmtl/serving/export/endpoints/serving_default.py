"""The signature that TensorFlow Serving runs where a request names none."""

from collections.abc import Mapping

from tfmtl.core.registry import SIGNATURES
from tfmtl.serving.export.served_task import ServedTask


@SIGNATURES.register("serving_default")
def serving_default(tasks: Mapping[str, ServedTask]) -> tuple[str, ...]:
    """Every task."""
    return tuple(tasks)
