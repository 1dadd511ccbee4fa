"""A tagging task's section of a run's report: the scores of each label, and the worst rows."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from tfmtl.kinds.tagging.spans import Span, spans_of
from tfmtl.reports.task_result import SAMPLES, TaskResult, cells_table


def section(result: TaskResult) -> list[str]:
    """Returns a table of the labels of spans, the most frequent first, and the rows with the most wrong spans."""
    said = [row[: len(true)] for row, true in zip(result.predictions, result.targets, strict=True)]
    pairs = [(set(spans_of(true)), set(spans_of(found))) for true, found in zip(result.targets, said, strict=True)]
    wanted, found, hits = (_counts(sets) for sets in zip(*((a, b, a & b) for a, b in pairs), strict=True))
    table = [
        (label, wanted[label], found[label], *_scores(hits[label], found[label], wanted[label]))
        for label, _ in (wanted + found).most_common()
    ]
    header = ("label", "spans", "found", "precision", "recall", "F1")
    return ["The spans of each label:", "", *cells_table(header, table), "", *_worst(result, pairs)]


def _counts(sets: Iterable[set[Span]]) -> Counter:
    return Counter(span.label for spans in sets for span in spans)


def _scores(hits: int, found: int, wanted: int) -> tuple[str, ...]:
    ratios = ((hits, found), (hits, wanted), (2 * hits, found + wanted))
    return tuple(f"{above / below:.3f}" if below else "0.000" for above, below in ratios)


def _worst(result: TaskResult, pairs: list[tuple[set[Span], set[Span]]]) -> list[str]:
    wrong = np.array([len(wanted ^ found) for wanted, found in pairs])
    worst = [row for row in np.argsort(-wrong, kind="stable")[:SAMPLES] if wrong[row]]
    if not worst:
        return ["Every span is right."]
    rows = [(result.texts[row], *(_named(spans, result.texts[row]) for spans in pairs[row])) for row in worst]
    return ["The rows with the most wrong spans:", "", *cells_table(("text", "true", "found"), rows)]


def _named(spans: set[Span], text: str) -> str:
    words = text.split()
    inside = sorted(spans, key=lambda span: span.first)
    return "; ".join(f"{span.label}: {' '.join(words[span.first : span.end])}" for span in inside) or "none"
