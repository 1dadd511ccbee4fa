"""The signature of the answers that need no decoder, which is fast."""

from collections.abc import Mapping

from tfmtl.core.registry import SIGNATURES
from tfmtl.serving.export.served_task import ServedTask


@SIGNATURES.register("classify")
def classify(tasks: Mapping[str, ServedTask]) -> tuple[str, ...]:
    """All labels and scores, without running a decoder."""
    return tuple(name for name, task in tasks.items() if not task.generates)
