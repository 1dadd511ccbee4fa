"""The signature of the summaries."""

from collections.abc import Mapping

from tfmtl.core.registry import SIGNATURES
from tfmtl.kinds.kind import kind_of
from tfmtl.serving.export.served_task import ServedTask


@SIGNATURES.register("summarize")
def summarize(tasks: Mapping[str, ServedTask]) -> tuple[str, ...]:
    """All summaries."""
    return tuple(name for name, task in tasks.items() if "summary" in kind_of(task).outputs)
