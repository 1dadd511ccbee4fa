"""What rules of dynamic mixing are told in their tests."""

from tfmtl.core.registry import MIXING_RULES
from tfmtl.data.mixing_rule import Evidence

TASKS = {"a": ["one", "two"], "b": ["three"]}


def evidence(*losses, rates=(), scores=(), epochs=10, start=None):
    """What is known after so many epochs with the given losses, each a dict by task."""
    start = start or {"a": 0.75, "b": 0.25}
    return Evidence(TASKS, start, epochs, rates or [start] * len(losses), losses, scores)


def rule(name, **options):
    entry = MIXING_RULES.get(name)
    return entry.build(entry.options(**options))
