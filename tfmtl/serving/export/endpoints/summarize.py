"""The signature of the texts that decoders write."""

from collections.abc import Mapping

from tfmtl.core.registry import SIGNATURES
from tfmtl.serving.export.served_task import ServedTask


@SIGNATURES.register("summarize")
def summarize(tasks: Mapping[str, ServedTask]) -> tuple[str, ...]:
    """All summaries."""
    return tuple(name for name, task in tasks.items() if task.generates)
